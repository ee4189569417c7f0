"""Abbreviated units after figures: 5 km, 20 kg, 3 h, 60 km/h, 16 GB."""
