"""Values of series: what is remembered of them, and the labels of forecasts that they make."""
