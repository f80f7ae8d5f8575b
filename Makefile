# Two commands: `make demo` and `make test`. All set-up is theirs; each also runs without make, see the recipes.

.PHONY: help demo test soak

help: ## what there is
	@echo 'make demo   everything set up, a demo vendor loaded, Odyssey serving on an embedded PostgreSQL'
	@echo 'make test   everything set up, every check and every test'
	@echo 'make soak   the long tests (ODYSSEY_SOAK_MINUTES=30) and all of them on PostgreSQL 17; not part of make test'

# The development profile: what computes is optimised in it too, and it builds in a fraction of the time.
demo: ## serve a demo vendor
	@cargo xtask setup demo
	@cargo build --package odyssey --locked
	@exec cargo run --quiet --package odyssey --locked -- demo

test: ## every check
	@exec cargo xtask ci

soak: ## the long tests
	@exec cargo xtask soak
