package program

import "runtime/debug"

// version returns the version that the program was built from.
func version(name string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name + ", of unknown version"
	}
	version := name + " " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && info.Main.Version == "(devel)" {
			version += " " + s.Value[:12]
		}
	}
	return version + ", " + info.GoVersion
}
