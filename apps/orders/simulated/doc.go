// Package simulated has providers that exist in memory alone: [Payments] and a
// [Carrier], for the shop to try itself on.
//
// They obey, and can be told not to: to be slow, to decline, to be out of reach, to lose
// their answers, and to be asked twice by a network that repeats itself; for the next
// calls ([Desk.Next]), or for so many of a hundred calls ([Desk.Behave]), chosen by a
// seed and the call's key, so that the same calls meet the same fate.
//
// What is asked under one key is done once. A provider remembers what it did, so that a
// test can ask how often that was ([Desk.Done]), and what it comes to for an order.
package simulated
