// Command s2 is what a competent engineer makes of s1 without changing the design: no lock, only atomics; a
// bounded pool of connections that stay open, asked for only when the local stock lets a request through; the
// script known by its hash; answers made once; a log that is buffered and written ten times a second. Once Redis
// has said that nothing is left, it is not asked again: nothing ever comes back in this design.
//
// What remains, because it belongs to the design:
//
//   - One round trip to Redis for each ticket, and one write there.
//   - A fault is answered with 200 and "sold out", and its local ticket is gone.
//   - Local stocks that do not fit the weights leave tickets unsold or send refused requests to Redis.
//   - No buyer and no key: a retry is a second ticket. No record of who bought; a lost reply is a lost ticket.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"lastseat/peers/node"
)

var script = redis.NewScript(1, `
local ticket = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])
if tonumber(ticket[1]) - tonumber(ticket[2]) > 0 then
    return redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
end
return 0
`)

// How often the log is written.
const flushEvery = 100 * time.Millisecond

var connections = 128

func main() {
	node.Main(node.Peer{
		Name: "s2",
		Flags: func() {
			flag.IntVar(&connections, "connections", connections, "connections to Redis; requests wait for one")
		},
		Start: start,
	})
}

func start(settings node.Settings) (http.HandlerFunc, func(), error) {
	if connections < 1 {
		return nil, nil, fmt.Errorf("--connections must be 1 or more")
	}
	log, err := openLog(settings.Log)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot write the log (--log): %w", err)
	}
	pool := &redis.Pool{
		MaxIdle:   connections,
		MaxActive: connections,
		Wait:      true,
		Dial:      func() (redis.Conn, error) { return redis.Dial("tcp", settings.Redis) },
	}
	shop := &shop{stock: settings.LocalStock, pool: pool}
	ok, soldOut := []byte(`{"code":1,"msg":"ok"}`), []byte(`{"code":-1,"msg":"sold out"}`)
	kind := []string{"application/json"}
	buy := func(w http.ResponseWriter, _ *http.Request) {
		sold, count := shop.buy()
		w.Header()["Content-Type"] = kind
		if sold {
			_, _ = w.Write(ok)
		} else {
			_, _ = w.Write(soldOut)
		}
		log.line(sold, count)
	}
	end := func() {
		_ = pool.Close()
		log.close()
	}
	return buy, end, nil
}

// shop is the local stock before the one in Redis.
type shop struct {
	stock int64
	count atomic.Int64
	over  atomic.Bool
	pool  *redis.Pool
}

// buy tells whether there was a ticket, and the count of requests of this node.
func (s *shop) buy() (bool, int64) {
	count := s.count.Add(1)
	if count > s.stock || s.over.Load() {
		return false, count
	}
	conn := s.pool.Get()
	defer conn.Close()
	left, err := redis.Int(script.Do(conn, node.Hash, node.Total, node.Sold))
	if err == nil && left == 0 {
		s.over.Store(true)
	}
	return err == nil && left != 0, count
}

// journal is a log that is written now and then.
type journal struct {
	mutex  sync.Mutex
	file   *os.File
	writer *bufio.Writer
	number []byte
}

func openLog(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	log := &journal{file: file, writer: bufio.NewWriterSize(file, 1<<16)}
	go func() {
		for range time.Tick(flushEvery) {
			log.flush()
		}
	}()
	return log, nil
}

func (j *journal) line(sold bool, count int64) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	head := "result:0,localSales:"
	if sold {
		head = "result:1,localSales:"
	}
	_, _ = j.writer.WriteString(head)
	j.number = strconv.AppendInt(j.number[:0], count, 10)
	_, _ = j.writer.Write(append(j.number, '\r', '\n'))
}

func (j *journal) flush() {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	_ = j.writer.Flush()
}

func (j *journal) close() {
	j.flush()
	_ = j.file.Close()
}
