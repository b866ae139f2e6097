"""The pages. A view decides and fetches through ``visible_to``; its template only shows."""
