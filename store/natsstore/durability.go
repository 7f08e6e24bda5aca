package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
)

// By default a server acknowledges what it has not synced yet: a loss of power of all
// servers then loses what was acknowledged in up to two minutes. With sync_interval:
// always it syncs first. A client cannot see which of the two a server does; whoever
// looks after the servers can, in their variables.

// vars are what of a server's variables tells that.
type vars struct {
	Name      string `json:"server_name"`
	JetStream struct {
		Config *struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	} `json:"jetstream"`
}

// syncs returns an error unless each of some servers is among those whose variables are
// known and syncs.
func syncs(servers []string, known []vars) error {
	for _, name := range servers {
		i := slices.IndexFunc(known, func(v vars) bool { return v.Name == name })
		if i < 0 {
			return fmt.Errorf("server %s did not say how it syncs", name)
		}
		if c := known[i].JetStream.Config; c == nil || !c.SyncAlways {
			return fmt.Errorf("server %s acknowledges before it syncs: its JetStream is not configured with sync_interval: always", name)
		}
	}
	return nil
}

// Monitors finds out how servers sync from their monitoring addresses, such as
// http://nats-1:8222, of which there must be one for each server that keeps the log.
func Monitors(addresses ...string) func(ctx context.Context, servers []string) error {
	return func(ctx context.Context, servers []string) error {
		var known []vars
		var errs []error
		for _, address := range addresses {
			v, err := monitored(ctx, address)
			known, errs = append(known, v), append(errs, err)
		}
		if err := syncs(servers, known); err != nil {
			return errors.Join(append(errs, err)...)
		}
		return nil
	}
}

// mostVarsBytes is many times what a server's variables take.
const mostVarsBytes = 4 << 20

func monitored(ctx context.Context, address string) (v vars, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/varz", nil)
	if err != nil {
		return v, fmt.Errorf("monitor %s: %w", address, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return v, fmt.Errorf("monitor %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return v, fmt.Errorf("monitor %s: %s", address, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, mostVarsBytes)).Decode(&v); err != nil {
		return v, fmt.Errorf("monitor %s: %w", address, err)
	}
	return v, nil
}

// SystemAccount finds out how servers sync by asking them as a user of their system
// account, at a URL and with options as [Open] takes them.
func SystemAccount(url string, options ...nats.Option) func(ctx context.Context, servers []string) error {
	return func(ctx context.Context, servers []string) error {
		conn, err := nats.Connect(url, options...)
		if err != nil {
			return fmt.Errorf("ask as the system account: %w", err)
		}
		defer conn.Close()
		inbox := conn.NewRespInbox()
		replies, err := conn.SubscribeSync(inbox)
		if err != nil {
			return fmt.Errorf("ask as the system account: %w", err)
		}
		if err := conn.PublishRequest("$SYS.REQ.SERVER.PING.VARZ", inbox, nil); err != nil {
			return fmt.Errorf("ask as the system account: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		var known []vars
		for {
			msg, err := replies.NextMsgWithContext(ctx)
			if err != nil {
				return errors.Join(syncs(servers, known), err)
			}
			var reply struct {
				Data vars `json:"data"`
			}
			if err := json.Unmarshal(msg.Data, &reply); err != nil {
				return fmt.Errorf("ask as the system account: %w", err)
			}
			known = append(known, reply.Data)
			all := !slices.ContainsFunc(servers, func(name string) bool {
				return !slices.ContainsFunc(known, func(v vars) bool { return v.Name == name })
			})
			if all {
				return syncs(servers, known)
			}
		}
	}
}

// findDurability finds out what a commit survives.
func (l *log) findDurability(ctx context.Context, o *Options) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return &daybook.UnavailableError{Doing: "open", Err: fmt.Errorf("stream %s: %w", l.subjects.stream, err)}
	}
	l.durability = daybook.Memory
	why := errors.New("nothing is there that could show whether the servers sync; see Options.Synced, and the parameter monitor of a store's URL")
	if o.Synced != nil {
		why = o.Synced(ctx, l.servers(info.Cluster))
	}
	if why == nil {
		l.durability = daybook.Disk
		if info.Config.Replicas >= 3 {
			l.durability = daybook.Quorum
		}
		why = fmt.Errorf("the stream has %d replicas", info.Config.Replicas)
	}
	if l.durability < o.Require {
		return &daybook.InvalidError{What: "durability", Value: o.Require.String(), Reason: fmt.Sprintf("is required, and the log has %s: %v", l.durability, why)}
	}
	if l.durability == daybook.Memory {
		l.logger.Warn("what is acknowledged may be lost when the power of the servers fails", "because", why)
	}
	return nil
}
