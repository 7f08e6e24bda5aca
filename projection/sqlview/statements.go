package sqlview

import _ "embed" // of the statements on tables of Daybook's own, which are the same in every database

var (
	//go:embed sql/begin.sql
	beginSQL string
	//go:embed sql/find.sql
	findSQL string
	//go:embed sql/stand.sql
	standSQL string
	//go:embed sql/move.sql
	moveSQL string
	//go:embed sql/asides.sql
	asidesSQL string
	//go:embed sql/set_aside.sql
	setAsideSQL string
	//go:embed sql/take_up.sql
	takeUpSQL string
	//go:embed sql/skips.sql
	skipsSQL string
	//go:embed sql/skip.sql
	skipSQL string
	//go:embed sql/claim.sql
	claimSQL string
	//go:embed sql/release.sql
	releaseSQL string
)
