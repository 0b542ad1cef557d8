"""Does alliance go with staying? Landmark models of use after a rating, and what a naive look would say."""
