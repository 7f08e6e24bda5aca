// Package browser lets tests of the applications look at their pages in a real Chromium, as
// somebody does who visits them.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Chromium returns where a browser is, or skips the test.
func Chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("DAYBOOK_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"headless_shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium in PATH, and DAYBOOK_CHROMIUM does not name one")
	return ""
}

// A Visitor is somebody at a browser. Make it with [Visit].
type Visitor struct {
	// Ctx is the context of the browser's page, for what there is no method for.
	Ctx context.Context

	t   *testing.T
	url string

	mu      sync.Mutex
	console []string // what went wrong in the pages
}

// Visit opens a browser for the pages at an address, until the test ends. Whatever is wrong
// enough in a page to be said in the console fails the test. Where there is no browser the
// test is skipped.
func Visit(t *testing.T, url string) *Visitor {
	t.Helper()
	path := Chromium(t)
	v := &Visitor{t: t, url: url}
	// In a container there is often no other user and no other name space.
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	v.Ctx = ctx
	messages := chromedp.Console(ctx)
	v.Do(chromedp.EmulateViewport(1280, 900))
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning {
				v.mu.Lock()
				v.console = append(v.console, m.String())
				v.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-listened
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, m := range v.console {
			t.Errorf("the console says: %s", m)
		}
	})
	return v
}

// Do does what it is given, one step after the other.
func (v *Visitor) Do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.Ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// Open goes to a page of the site.
func (v *Visitor) Open(path string) {
	v.t.Helper()
	v.Do(chromedp.Navigate(v.url + path))
}

// Until waits until an expression holds in the page.
func (v *Visitor) Until(expression string) {
	v.t.Helper()
	// The page may be on its way to another one while it is asked.
	for deadline := time.Now().Add(20 * time.Second); ; {
		if holds, err := chromedp.Run(v.Ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`)); err == nil && holds {
			return
		}
		if time.Now().After(deadline) || v.Ctx.Err() != nil {
			page, err := chromedp.Run(v.Ctx, chromedp.Evaluate[string](`location.href + "\n" + document.querySelector("main").innerText`))
			v.t.Fatalf("it never came to %s; the page is %s %v", expression, page, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Shows waits until an element of the page has certain words in it.
func (v *Visitor) Shows(selector, words string) {
	v.t.Helper()
	v.Until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, words))
}

// At does something to an element, once it is there: a page that is about to leave, or
// to be drawn anew, takes its elements with it.
func (v *Visitor) At(selector string, step chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.Until(fmt.Sprintf(`document.querySelector(%q)`, selector))
		err := chromedp.Do(v.Ctx, step)
		if err == nil {
			return
		}
		if time.Now().After(deadline) || !strings.Contains(err.Error(), "node") {
			v.t.Fatalf("at %s: %v", selector, err)
		}
	}
}

// Click clicks on an element, once it is there.
func (v *Visitor) Click(selector string) {
	v.t.Helper()
	v.At(selector, chromedp.Click(chromedp.CSS(selector)))
}

// Write writes words into a field, once it is there.
func (v *Visitor) Write(selector, words string) {
	v.t.Helper()
	v.At(selector, chromedp.SendKeys(chromedp.CSS(selector), words))
}

// TabTo presses the tabulator until something has the focus.
func (v *Visitor) TabTo(selector string) {
	v.t.Helper()
	for range 80 {
		v.Do(chromedp.KeyEvent(kb.Tab))
		there, err := chromedp.Run(v.Ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector)))
		if err != nil {
			v.t.Fatal(err)
		}
		if !there {
			continue
		}
		// Who cannot see where the focus is cannot use a keyboard.
		seen, err := chromedp.Run(v.Ctx, chromedp.Evaluate[bool](`getComputedStyle(document.activeElement).outlineStyle !== "none"`))
		if err != nil || !seen {
			v.t.Errorf("at %s the focus cannot be seen: %v", selector, err)
		}
		return
	}
	v.t.Fatalf("the tabulator does not lead to %s", selector)
}

// Press presses keys, wherever the focus is.
func (v *Visitor) Press(keys string) {
	v.t.Helper()
	v.Do(chromedp.KeyEvent(keys))
}

// Expect takes a message that a test provoked from those that fail it.
func (v *Visitor) Expect(words string) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.mu.Lock()
		for i, m := range v.console {
			if strings.Contains(m, words) {
				v.console = append(v.console[:i], v.console[i+1:]...)
				v.mu.Unlock()
				return
			}
		}
		v.mu.Unlock()
		if time.Now().After(deadline) {
			v.t.Fatalf("the console never said: %s", words)
		}
	}
}

// Value returns what a field holds.
func (v *Visitor) Value(selector string) string {
	v.t.Helper()
	value, err := chromedp.Run(v.Ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).value`, selector)))
	if err != nil {
		v.t.Fatalf("the value of %s: %v", selector, err)
	}
	return value
}

// TakePhone makes the window that of a phone.
func (v *Visitor) TakePhone() {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1})
		return err
	}))
}

// Fits checks that the page is not wider than the window, nor hides a part of a table.
func (v *Visitor) Fits(page string) {
	v.t.Helper()
	wide, err := chromedp.Run(v.Ctx, chromedp.Evaluate[[]string](`[document.documentElement, ...document.querySelectorAll(".scroll")]
		.filter(e => e.scrollWidth > e.clientWidth).map(e => e.tagName + "." + e.className + " " + e.scrollWidth + " > " + e.clientWidth)`))
	if err != nil || len(wide) > 0 {
		v.t.Errorf("on a phone %.20s is too wide: %v %v", page, wide, err)
	}
}

// DoWithoutScripts turns JavaScript off.
func (v *Visitor) DoWithoutScripts() {
	v.t.Helper()
	v.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}
