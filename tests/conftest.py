"""What holds for every test."""

from hypothesis import settings

# The machines that run this are noisy: an example that takes long says nothing.
settings.register_profile("pipeline", deadline=None)
settings.load_profile("pipeline")
