// Package plot draws the plots of the applications' pages as SVG: [Chart] is of a number
// for each period, [Steps] of one that stays as it is until it changes, and [Share] is a bar
// in a table.
//
// They are laid out in percent of their width and in pixels of their height, so that they
// fill any page and their words keep their size. Their colours are those of the page's style,
// by day and by night. A page says the same in words, too: it sets the figures below a plot.
package plot
