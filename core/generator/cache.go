package generator

import (
	"container/list"

	"github.com/ksamenet/ksamenet/core/frame"
)

// cache keeps the patches that were used last, within a number of bytes. Its zero value with a limit is ready.
// It changes no result: a patch is a function of its request.
type cache struct {
	limit, bytes int64
	order        list.List // of *cached, newest first
	byRequest    map[Request]*list.Element
}

type cached struct {
	req   Request
	patch *frame.Patch
}

func (c *cache) get(r Request) *frame.Patch {
	e := c.byRequest[r]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).patch
}

func (c *cache) put(r Request, p *frame.Patch) {
	size := int64(len(p.RGBA))
	if size > c.limit {
		return
	}
	for c.bytes+size > c.limit {
		last := c.order.Back()
		old := c.order.Remove(last).(*cached)
		delete(c.byRequest, old.req)
		c.bytes -= int64(len(old.patch.RGBA))
	}
	if c.byRequest == nil {
		c.byRequest = map[Request]*list.Element{}
	}
	c.byRequest[r] = c.order.PushFront(&cached{r, p})
	c.bytes += size
}

func (c *cache) clear() {
	*c = cache{limit: c.limit}
}
