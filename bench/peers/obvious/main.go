// Command obvious is the shop and the catalogue as one writes them in an afternoon: net/http, a
// table in SQLite for each, a row for each order and each product, which is changed where it
// stands, and no events. It is what the applications are measured against.
//
// It is written with care: WAL with synchronous=FULL, so that what is answered survives a loss
// of power; one connection that writes and some that read; prepared statements; strict JSON;
// bodies and times that are bounded; an index for each of its queries. It has no history, no
// Idempotency-Key, no consistency tokens, no ETags, no other read models than its table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	data := flag.String("data", "data", "directory of the database")
	profiled := flag.String("pprof", "", "where to listen for profiles; nowhere by default")
	flag.Parse()
	if err := run(*addr, *data, *profiled); err != nil {
		slog.Error("obvious", "error", err)
		os.Exit(1)
	}
}

func run(addr, data, profiled string) error {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	db, err := openDatabase(filepath.Join(data, "shop.db"))
	if err != nil {
		return err
	}
	defer db.close()
	if profiled != "" {
		go func() { _ = http.ListenAndServe(profiled, profiles()) }() // the process ends first
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", answer(db.placeOrder))
	mux.HandleFunc("POST /orders/{id}/pay", answer(db.payOrder))
	mux.HandleFunc("GET /orders", answer(db.listOrders))
	mux.HandleFunc("GET /orders/{id}", answer(db.getOrder))
	mux.HandleFunc("POST /products", answer(db.createProduct))
	mux.HandleFunc("POST /products/{id}/price", answer(db.changePrice))
	mux.HandleFunc("GET /products", answer(db.listProducts))
	mux.HandleFunc("GET /products/{id}", answer(db.getProduct))
	mux.HandleFunc("GET /readyz", answer(func(*http.Request) (int, any, error) { return http.StatusOK, map[string]bool{"ready": true}, nil }))

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ending) // whoever is not done by then is cut off
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// profiles answers with profiles of this process.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/heap", pprof.Handler("heap").ServeHTTP)
	return mux
}

// A failure is an answer that is no success.
type failure struct {
	status int
	words  string
}

func (f failure) Error() string { return f.words }

// answer makes an [http.HandlerFunc] of what returns a status and what is to be written.
func answer(handle func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, what, err := handle(r)
		if err != nil {
			f := failure{http.StatusInternalServerError, "something went wrong"}
			if !errors.As(err, &f) {
				slog.Error("request failed", "path", r.URL.Path, "error", err)
			}
			status, what = f.status, map[string]string{"error": f.words}
		}
		body, err := json.Marshal(what)
		if err != nil {
			http.Error(w, "something went wrong", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if created, is := what.(interface{ address() string }); is && status == http.StatusCreated {
			w.Header().Set("Location", created.address())
		}
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that is gone is nobody to tell
	}
}

// read decodes the body of a request.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return failure{http.StatusBadRequest, err.Error()}
	}
	if _, err := decoder.Token(); err != io.EOF {
		return failure{http.StatusBadRequest, "there is something behind the object"}
	}
	return nil
}
