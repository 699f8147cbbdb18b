// Command s1 is s0 with the two repairs that it cannot do without: a connection goes back to the pool, and the
// script gives a ticket only while total - sold > 0. Everything else is as published.
//
// Known defects, kept on purpose (s0 tells more of them):
//
//   - The one lock around the local stock, Redis and the answer.
//   - A connection is taken from the pool also for a request that the local stock refuses.
//   - A fault is answered with 200 and "sold out", and its local ticket is gone.
//   - A file opened, written and closed for each line of the log.
//   - No buyer and no key: a retry is a second ticket.
package main

import (
	"net/http"

	"github.com/gomodule/redigo/redis"

	"lastseat/peers/node"
)

const script = `
local total = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
local sold = tonumber(redis.call('HGET', KEYS[1], ARGV[2]))
if total - sold > 0 then
    return redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
end
return 0
`

func main() {
	node.Main(node.Peer{Name: "s1", Start: start})
}

func start(settings node.Settings) (http.HandlerFunc, func(), error) {
	pool := redis.Pool{
		MaxIdle:   10000,
		MaxActive: 12000,
		Dial:      func() (redis.Conn, error) { return redis.Dial("tcp", settings.Redis) },
	}
	var count int64
	lock := make(chan struct{}, 1)
	lock <- struct{}{}
	buy := func(w http.ResponseWriter, _ *http.Request) {
		conn := pool.Get()
		defer conn.Close()
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
	return buy, func() { _ = pool.Close() }, nil
}

func deduct(conn redis.Conn) bool {
	left, err := redis.Int(redis.NewScript(1, script).Do(conn, node.Hash, node.Total, node.Sold))
	return err == nil && left != 0
}
