// Package check has no code but its tests: they read the files in deploy as those programs do
// that take them, strictly, and try them on the real programs of this tree. What they cannot
// try is said in deploy/README.md.
//
// It is a module of its own because of what it takes to read all that: the types of
// Kubernetes, the loader of compose files, the parser of container files, and Prometheus, which
// reads the rules of the alerts and the queries of the dashboard.
package check
