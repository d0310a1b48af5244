//! Account layouts, discriminators, seeds, and the mapping from account bytes to the engine views.
