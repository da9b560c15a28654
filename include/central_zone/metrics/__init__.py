"""Metrics: how the centre is doing, in numbers that a monitoring system draws and watches. Of parcels and rows; never of a person."""
