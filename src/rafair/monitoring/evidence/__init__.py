"""Whether a rate fell: sequential tests of two samples, and the alarms that they add up to."""
