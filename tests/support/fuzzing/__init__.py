"""Fuzz targets: functions of bytes with what must hold for any of them, and their seeds."""
