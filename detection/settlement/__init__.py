"""Series of displacement -> velocities, changes of trend, and areas that move: pure functions on arrays."""
