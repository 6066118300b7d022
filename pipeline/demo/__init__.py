"""The demo: four made-up services, their troubles on a schedule, a live view, and a reckoning at the end."""
