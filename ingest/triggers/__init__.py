"""What sets the ground moving besides what imagery shows: satellite rain, earthquakes, bulletins of other services."""
