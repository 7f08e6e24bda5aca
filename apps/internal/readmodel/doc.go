// Package readmodel keeps a read model in a database of its own, SQLite or PostgreSQL, and
// goes on whatever becomes of that.
//
// A [Keeper] opens the editions of a [sqlview.Definition] that are in a [Place], keeps them
// in step with a log, and has one of them answer ([Keeper.Read]). The database may be away
// when the program starts, and for as long as it likes: reading is then an [*AwayError],
// which says since when and why, and by itself all is well again once the database is back.
// If the read model is gone, because somebody has deleted its file or dropped its schema,
// that is noticed, and it is built again from the log. [Keeper.Rebuild] builds another
// edition beside the one that answers and switches to it; [Keeper.Drop] drops what there
// is.
package readmodel
