"""Alerts: from changes near the road to people who know what to do with them."""
