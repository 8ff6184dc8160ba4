"""Settings in, running program out: the only place that picks drivers and stores."""
