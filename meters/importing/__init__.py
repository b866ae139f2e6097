"""The whole book: the sheets of the enterprise file and those of the devices, in one job."""
