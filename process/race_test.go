//go:build race

package process_test

// raceDetector makes tests of many things small: each takes ten times as long.
const raceDetector = true
