package main

import (
	"errors"
	"strconv"

	"github.com/lifesign-go/lifesign/guard"
)

// blessings are the items that make more of themselves. The bug: the last one has
// none.
var blessings = map[string]*struct{ count int }{"sword": {1}, "shield": {1}, "lamp": nil}

// do does what a request wants. Where it crashes it may leave the player in a state
// that cannot be.
func (p *session) do(request []string) error {
	if len(request) == 0 {
		return errors.New("say what you want")
	}
	me := &p.player
	switch request[0] {
	case "look":
		return p.look(request)
	case "buy":
		if len(request) < 2 || me.Gold < price {
			return errors.New("you cannot buy that")
		}
		me.Changes++
		me.Gold -= price
		me.Items += blessings[request[1]].count // the money is gone, and the item not there
	case "sell":
		if len(request) < 2 || me.Items == 0 {
			return errors.New("you have nothing to sell")
		}
		me.Changes++
		me.Gold += price * blessings[request[1]].count
		me.Items--
	case "give":
		return p.give(request)
	default:
		return errors.New("nobody knows how to " + request[0])
	}
	return nil
}

// look collects gifts, and looks at page after page of the world.
func (p *session) look(request []string) error {
	if gold := p.store.Waiting(p.player.ID); gold > 0 {
		richer := p.player
		richer.Changes++
		richer.Gold += gold
		richer.Received += gold
		if err := guard.Commit(p.ctx, func() error { return p.store.Collect(richer, gold) }); err != nil {
			return err
		}
		p.player = richer
	}
	pages := []string{"a wood", "a hill", "a town"}
	if len(request) > 1 {
		n, err := strconv.Atoi(request[1])
		if err != nil {
			return err
		}
		_ = pages[n] // nothing has changed when this crashes
	}
	return nil
}

// give gives gold to another player, by the store: both or neither of the two know.
func (p *session) give(request []string) error {
	if len(request) < 3 {
		return errors.New("say to whom, and how much")
	}
	to, err := strconv.Atoi(request[1])
	if err != nil {
		return err
	}
	gold, err := strconv.Atoi(request[2])
	if err != nil || gold <= 0 || gold > p.player.Gold {
		return errors.New("you cannot give that")
	}
	before := p.player
	p.player.Changes++
	p.player.Gold -= gold
	if to < 0 {
		panic("nobody has such a number") // and the gold is gone
	}
	p.player.Given += gold
	if err := guard.Commit(p.ctx, func() error { return p.store.Give(p.player, to, gold) }); err != nil {
		p.player = before
		return err
	}
	return nil
}
