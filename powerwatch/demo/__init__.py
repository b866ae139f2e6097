"""The demo city: about 300 fictional enterprises, their people, and the night behind them."""
