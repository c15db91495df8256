"""What sets the ground moving besides what imagery shows: rain, earthquakes, bulletins of others, gauges; and who still speaks."""
