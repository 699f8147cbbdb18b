// Command s0 is a node of the article's service as its author published it
// (github.com/GuoZhaoran/spikeSystem), written anew after its description and its code: a local stock with a
// buffer, then one script on a hash in Redis, both under one lock.
//
// Known defects, kept on purpose:
//
//   - The script compares total >= sold, so it sells one ticket more than there are, provided that the local
//     stocks of all nodes together let one more request through.
//   - Each request takes a connection from the pool, also one that will be refused, and never gives it back; so
//     each request dials. Go's garbage collector closes the sockets now and then, but the pool goes on counting
//     them: request 12,001 of a process, and every one after it, hears "sold out" whatever is left.
//     Redis's own bound (maxclients, 10,000 by default) can be reached before that, by all nodes together.
//   - The one lock is held while Redis is asked and while the answer is written: a node sells no more than one
//     ticket per round trip.
//   - A fault, too, is answered with 200 and "sold out". The local ticket is gone with it, and the local
//     stock counts requests, so nothing ever comes back.
//   - A dial that fails panics; the client's connection breaks.
//   - The log file is opened, written and closed for each request, errors are dropped, and its lines come in
//     another order than the decisions.
//   - A buyer has no name and a request no key: a retry is a second ticket.
package main

import (
	"flag"
	"net/http"

	"github.com/gomodule/redigo/redis"

	"lastseat/peers/node"
)

const script = `
local total = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
local sold = tonumber(redis.call('HGET', KEYS[1], ARGV[2]))
if total >= sold then
    return redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
end
return 0
`

// maxActive is the bound of the pool as published.
var maxActive = 12000

func main() {
	node.Main(node.Peer{
		Name: "s0",
		Flags: func() {
			flag.IntVar(&maxActive, "max-active", maxActive, "requests after which the pool has no more connections; 0: no bound")
		},
		Start: start,
	})
}

func start(settings node.Settings) (http.HandlerFunc, func(), error) {
	pool := redis.Pool{
		MaxIdle:   10000,
		MaxActive: maxActive,
		Dial: func() (redis.Conn, error) {
			conn, err := redis.Dial("tcp", settings.Redis)
			if err != nil {
				panic(err)
			}
			return conn, err
		},
	}
	var count int64
	lock := make(chan struct{}, 1)
	lock <- struct{}{}
	buy := func(w http.ResponseWriter, _ *http.Request) {
		conn := pool.Get()
		<-lock
		count++
		sold := count <= settings.LocalStock && deduct(conn)
		if sold {
			node.Say(w, node.OK)
		} else {
			node.Say(w, node.SoldOut)
		}
		line := node.LogLine(sold, count)
		lock <- struct{}{}
		node.AppendLog(settings.Log, line)
	}
	return buy, func() {}, nil
}

// As published, the script is hashed for each request.
func deduct(conn redis.Conn) bool {
	left, err := redis.Int(redis.NewScript(1, script).Do(conn, node.Hash, node.Total, node.Sold))
	return err == nil && left != 0
}
