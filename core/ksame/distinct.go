package ksame

import "slices"

// Distinct counts people the careful way (docs/guarantee.md, counting): two members that may be the same person count as
// one, and so do all that a chain of such pairs connects. same must be symmetric and must say no for pairs seen together in
// one picture, which are proven distinct; nil means that all ids are known to be different people.
//
// Only the members themselves can form a chain. A chain through people of other clusters says little about the members, and
// in a registry of a thousand people such chains connect nearly everybody.
func Distinct(members []PersonID, same func(a, b PersonID) bool) int {
	c := Counter{Same: same}
	for _, p := range members {
		c.Add(p)
	}
	return c.Count()
}

// Counter is Distinct for members that come one by one. The zero value, with Same set or not, is empty.
type Counter struct {
	Same    func(a, b PersonID) bool
	members []PersonID
	label   []int // connected component of the member with the same index
	next    int
	count   int
}

// Count is the number of distinct people added.
func (c *Counter) Count() int { return c.count }

// With is what Count would be with p added. It may be less than Count: p can be the link between two members.
func (c *Counter) With(p PersonID) int { return c.count + 1 - len(c.links(p)) }

// Add adds p.
func (c *Counter) Add(p PersonID) {
	mine := c.next
	c.next++
	linked := c.links(p)
	for i, l := range c.label {
		if slices.Contains(linked, l) {
			c.label[i] = mine
		}
	}
	c.count += 1 - len(linked)
	c.members = append(c.members, p)
	c.label = append(c.label, mine)
}

// links lists the components that p belongs to.
func (c *Counter) links(p PersonID) []int {
	if c.Same == nil {
		return nil
	}
	var linked []int
	for i, q := range c.members {
		if l := c.label[i]; !slices.Contains(linked, l) && c.Same(p, q) {
			linked = append(linked, l)
		}
	}
	return linked
}
