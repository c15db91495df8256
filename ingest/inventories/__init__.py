"""Published inventories of landslides into sites and events."""
