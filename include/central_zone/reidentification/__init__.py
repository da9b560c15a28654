"""Who somebody of a release is: asked by one organisation, approved by two people, answered by the other, to the practice alone."""
