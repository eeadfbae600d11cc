"""What an input may be: features, their encoding, counterparts and allowed perturbations."""
