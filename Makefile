# Everything one does with this tree. `make` alone lists the verbs.

.DEFAULT_GOAL := help
.PHONY: lint help run library catalog build test check fmt race cover bench fuzz soak release reproducible browser strace postgres

# Where `make run` keeps its events. Git ignores it.
DATA ?= data/orders

# How long `make fuzz` spends on each decoder.
FUZZTIME ?= 30s

# How long `make soak` goes on, and what decides what it does. HOURS=0 prints what was done so far. Git ignores
# soak/, where the ledger lies.
HOURS ?= 2
SEED ?= 1

# The linters, pinned in a module of their own.
TOOL := go tool -modfile=internal/tools/go.mod
STATICCHECK := $(TOOL) staticcheck

# What gosec finds is mended, or has its reason in a line of its own. These rules are left out: they find hundreds of
# places that are right for one reason each, which were read as a list and not proved one by one:
#   G104  an error that nobody looks at: of closing what was only read, or after another error; staticcheck finds others
#   G115  a conversion of one number into another: positions are below 2^63 and sizes below the limits of an append,
#         which is checked where they come in
#   G304  a file that a variable names: no request does, only whoever runs the program
# And what only tests and those who build Daybook run is left out.
GOSEC_RULES := G104,G115,G304
GOSEC_DIRS := bench deploy/check daybooktest store/storetest apps/internal/browser apps/internal/hostile apps/internal/programtest apps/internal/realdata apps/internal/sitetest \
	apps/internal/accesstest apps/library/internal/crowd internal/history internal/natstest internal/pgtest internal/release \
	internal/soak internal/testsum internal/tidy internal/vfs/crashfs internal/vfs/errorfs internal/vfs/vfstest

help:
	@echo 'make VERB, where VERB is one of'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 12

run: ## the order shop on the embedded store, in DATA=data/orders; prints its address
	@# Not go run, which calls it a failure when somebody presses Ctrl-C.
	go build -o bin/orders ./apps/orders/cmd/orders
	@exec bin/orders --data $(DATA)

library: ## the library: a write and a read service with a few books, in data/library-demo; prints the desk's address
	go build -o bin/library ./apps/library/cmd/library
	@exec bin/library demo

catalog: ## the catalogue, in data/catalog; prints its address
	go build -o bin/catalog ./apps/catalog/cmd/catalog
	@exec bin/catalog

build: ## bin/daybook, which looks after logs, bin/orders, bin/library and bin/catalog
	go build -o bin/ ./cmd/daybook ./apps/orders/cmd/orders ./apps/library/cmd/library ./apps/catalog/cmd/catalog

test: browser strace postgres check ## everything a newcomer should see pass: checks, then all tests, those of deploy's files too, then the count
	go run ./internal/testsum -beside deploy/check

check: ## gofmt, vet and staticcheck over every package
	@bad=$$(gofmt -l .) && test -z "$$bad" || { echo "gofmt would change these; run make fmt:"; echo "$$bad"; exit 1; }
	go vet ./...
	go -C deploy/check vet ./...
	$(STATICCHECK) ./...

lint: check ## check, then gosec, and govulncheck where its database can be reached; minutes when gosec is built first
	$(TOOL) gosec -quiet -exclude=$(GOSEC_RULES) $(addprefix -exclude-dir=,$(GOSEC_DIRS)) ./...
	@sh internal/tools/vulncheck.sh

fmt: ## gofmt over every file
	gofmt -w .

race: ## all tests under the race detector, the slow packages too
	go run ./internal/testsum -mode=race -- -timeout=60m

cover: ## coverage of each library package by all tests; line by line: go tool cover -html=coverage.out
	go test -coverpkg=$$(go list ./... | grep -v -e /apps/ -e /cmd/ -e /internal/ | paste -sd,) -coverprofile=coverage.out ./...
	@awk 'NR > 1 { \
		block = $$1; sub(/\/[^\/]*:.*/, "", $$1); \
		if (!(block in statements)) { statements[block]; all[$$1] += $$2 } \
		if ($$3 > 0 && !(block in hit)) { hit[block]; covered[$$1] += $$2 } \
	} END { for (p in all) { printf "%5.1f %%  %s\n", 100 * covered[p] / all[p], p; n += all[p]; c += covered[p] } \
		printf "%5.1f %%  in all\n", 100 * c / n }' coverage.out | sort -k 3

bench: ## measures the embedded store against peers, in minutes; FULL=1 takes a quarter of an hour; asserts nothing
	go -C bench run . $(if $(FULL),-full -out results/$(shell date -u +%F))

fuzz: ## FUZZTIME=30s on each fuzz target of every decoder
	@grep -rn --include='*_test.go' '^func Fuzz' . | \
	sed 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*|\1 \2|' | \
	while read -r dir target; do \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x "$$dir" || exit 1; \
	done

soak: ## HOURS=2 SEED=1 of power cuts, failing calls, damage and kills, on where it was stopped; HOURS=0 prints how much
	@go build -o bin/soak ./internal/soak
	@exec bin/soak -hours $(HOURS) -seed $(SEED)

release: ## dist/: static programs for PLATFORMS, a bill of materials of each (CycloneDX), and checksums
	go run ./internal/release -out dist $(if $(PLATFORMS),-platforms $(PLATFORMS))

reproducible: ## builds the commit twice, in two places and from nothing, and compares; PLATFORMS=linux/amd64
	go run ./internal/release -compare -platforms $(or $(PLATFORMS),linux/amd64)

# Tests of pages run in a real browser. This never fails: where none can be had
# it says why, and those tests are skipped with that reason.
browser:
	@sh internal/tools/chromium.sh

# One test has the system fail the syncs of a real process. Never fails either.
strace:
	@sh internal/tools/strace.sh

# Read models are tested on PostgreSQL too. Never fails either.
postgres:
	@sh internal/tools/postgres.sh
