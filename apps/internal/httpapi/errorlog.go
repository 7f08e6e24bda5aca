package httpapi

import (
	"io"
	"log"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// errorLog is where [http.Server] tells of connections that came to nothing, such as of
// handshakes that failed. Strangers have as many of those as they like, so that of many only
// some are told: ten, and one more every ten seconds.
func (s *Server) errorLog() *log.Logger {
	told := slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn)
	told.SetOutput(&sparing{to: told.Writer(), may: rate.NewLimiter(rate.Every(10*time.Second), 10)})
	return told
}

// sparing writes some of what is written to it.
type sparing struct {
	to  io.Writer
	may *rate.Limiter
}

func (s *sparing) Write(p []byte) (int, error) {
	if !s.may.Allow() {
		return len(p), nil
	}
	return s.to.Write(p)
}
