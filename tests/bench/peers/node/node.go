// Package node is what the three peers have in common: the command line, the hash in Redis, the listener and
// the end. How tickets are sold is each peer's own (s0, s1, s2).
package node

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The hash that counts the tickets, with the names that the article gives it.
const (
	Hash  = "ticket_hash_key"
	Total = "ticket_total_nums"
	Sold  = "ticket_sold_nums"
)

// How long a node that was told to end waits for the requests that it has.
const grace = 2 * time.Second

// Settings of a node.
type Settings struct {
	// Redis is its HOST:PORT.
	Redis string
	// LocalStock is how many requests the node lets through to Redis, its buffer included.
	LocalStock int64
	// Log is the file that gets a line for each request.
	Log string
}

// Peer is one way of selling tickets.
type Peer struct {
	// Name of the program.
	Name string
	// Flags adds the peer's own ones, if it has any.
	Flags func()
	// Start makes what answers a request, and what is to be done at the end.
	Start func(Settings) (buy http.HandlerFunc, end func(), err error)
}

// Main runs peer as the command line says: a node, or one look at the hash, or its beginning.
func Main(peer Peer) {
	if err := run(peer, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", peer.Name, err)
		os.Exit(1)
	}
}

func run(peer Peer, args []string) error {
	var settings Settings
	flag.CommandLine.Init(peer.Name, flag.ExitOnError)
	listen := flag.String("listen", "127.0.0.1:3001", "`HOST:PORT` to listen on; port 0 takes a free one")
	flag.StringVar(&settings.Redis, "redis", "127.0.0.1:6379", "`HOST:PORT` of Redis")
	flag.Int64Var(&settings.LocalStock, "local-stock", 0, "requests that this node lets through to Redis")
	flag.StringVar(&settings.Log, "log", "", "`FILE` that gets a line for each request")
	processors := flag.Int("gomaxprocs", 0, "processors to use (default: all)")
	begin := flag.Bool("init", false, "write the hash in Redis, with --total tickets and none sold, and end")
	total := flag.Int64("total", 0, "with --init: how many tickets there are")
	show := flag.Bool("sold", false, "print how many tickets are sold, and end")
	if peer.Flags != nil {
		peer.Flags()
	}
	if err := flag.CommandLine.Parse(args); err != nil {
		return err
	}
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("what is %q? Every argument is a flag: see %s --help", flag.Arg(0), peer.Name)
	case *begin && *show:
		return errors.New("give --init or --sold, not both")
	case *begin && *total < 1:
		return errors.New("--init needs --total, 1 or more")
	case *begin:
		return withRedis(settings.Redis, func(c redis.Conn) error {
			_, err := c.Do("HSET", Hash, Total, *total, Sold, 0)
			return err
		})
	case *show:
		return withRedis(settings.Redis, printSold)
	case settings.LocalStock < 1:
		return errors.New("a node needs --local-stock, 1 or more")
	case settings.Log == "":
		return errors.New("a node needs --log, the file that gets a line for each request")
	case *processors < 0:
		return errors.New("--gomaxprocs cannot be negative")
	}
	runtime.GOMAXPROCS(*processors)
	return serve(peer, settings, *listen)
}

// Without this look at the start, a wrong --redis would be "sold out" for everybody.
func withRedis(address string, use func(redis.Conn) error) error {
	conn, err := redis.Dial("tcp", address, redis.DialConnectTimeout(5*time.Second))
	if err == nil {
		defer conn.Close()
		err = use(conn)
	}
	if err != nil {
		return fmt.Errorf("the Redis at %s (--redis) does not do what is asked: %w", address, err)
	}
	return nil
}

func printSold(c redis.Conn) error {
	sold, err := redis.Int64(c.Do("HGET", Hash, Sold))
	if errors.Is(err, redis.ErrNil) {
		return errors.New("it has no such hash; write it with --init --total N")
	}
	if err == nil {
		fmt.Println(sold)
	}
	return err
}

func serve(peer Peer, settings Settings, listen string) error {
	ping := func(c redis.Conn) error {
		_, err := c.Do("PING")
		return err
	}
	if err := withRedis(settings.Redis, ping); err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	buy, end, err := peer.Start(settings)
	if err != nil {
		return err
	}
	defer end()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", listen, err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/buy/ticket", buy)
	routes.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	server := http.Server{Handler: routes}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if strings.HasSuffix(listen, ":0") {
		fmt.Println("ready", listener.Addr())
	} else {
		fmt.Println("ready")
	}
	select {
	case err := <-failed:
		return err
	case <-told:
	}
	within, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	if server.Shutdown(within) != nil {
		return server.Close()
	}
	return nil
}

// Answer is what the client hears.
type Answer struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

// The two that there are. As published, whoever gets no ticket hears "sold out" with status 200, also when
// the reason is a fault.
var (
	OK      = Answer{1, "ok"}
	SoldOut = Answer{-1, "sold out"}
)

// Say writes answer as the published service does: made into JSON for each request.
func Say(w http.ResponseWriter, answer Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(text)
}

// LogLine is the line of a request: whether it got a ticket, and the node's count of requests.
func LogLine(sold bool, count int64) string {
	result := "0"
	if sold {
		result = "1"
	}
	return "result:" + result + ",localSales:" + strconv.FormatInt(count, 10) + "\r\n"
}

// AppendLog opens the log, writes one line and closes it, whatever comes of it, as the published service does.
func AppendLog(path, line string) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = file.WriteString(line)
}
