"""EMIS bulk CSV, versions 5.0 to 5.4. `adapter` reads an extract in the order EMIS means it to be read."""
