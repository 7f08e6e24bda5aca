// Command release builds the programs for those who do not build them themselves: static, the
// same bytes from the same commit wherever they are built, each with a bill of materials, and
// all with their checksums. It is what `make release` and `make reproducible` call.
//
//	go run ./internal/release [-out dist] [-platforms linux/amd64,…]
//	go run ./internal/release -compare [-platforms linux/amd64]
//	go run ./internal/release -bill PROGRAM
//
// The first builds from the tree as it is, and says so if that is not what was committed. The
// second clones the commit into two directories, builds it in both with nothing remembered from
// before, and compares. The third prints the bill of materials of a program that was built.
//
//	dist/linux_amd64/orders           a program
//	dist/linux_amd64/orders.cdx.json  what is in it: CycloneDX 1.6
//	dist/SHA256SUMS                   for sha256sum --check
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	out := flag.String("out", "dist", "directory that the programs are put in")
	platforms := flag.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64", "what they are built for")
	twice := flag.Bool("compare", false, "build the commit in two places, and compare")
	bill := flag.String("bill", "", "print the bill of materials of this program")
	flag.Parse()
	var err error
	switch for_ := strings.Split(*platforms, ","); {
	case *bill != "":
		err = printBill(os.Stdout, *bill)
	case *twice:
		err = compare(for_, os.Stdout)
	default:
		err = release(*out, for_, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}
