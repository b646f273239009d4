"""What search and ablation share in telling: statistics, charts, pages. Knows neither of them."""
