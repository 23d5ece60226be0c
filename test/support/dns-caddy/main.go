// Caddy with one more module, dns.providers.orcatest: it has records made by an HTTP API, as those of real providers do, which
// test/support/txt-api.ts answers. CONTRIBUTING.md says how it is built and used.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/libdns/libdns"
)

// Provider holds what cluster.toml has in [acme.dns_options].
type Provider struct {
	Server string `json:"server"`
	Token  string `json:"token"`
}

func init() { caddy.RegisterModule(Provider{}) }

// CaddyModule tells Caddy what it is called.
func (Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "dns.providers.orcatest", New: func() caddy.Module { return new(Provider) }}
}

// Provision refuses what can't work, as most providers do.
func (p *Provider) Provision(caddy.Context) error {
	if p.Server == "" {
		return errors.New("orcatest needs a server")
	}
	return nil
}

// AppendRecords makes the records.
func (p *Provider) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.tell(ctx, "append", zone, records)
}

// DeleteRecords takes them away.
func (p *Provider) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.tell(ctx, "delete", zone, records)
}

func (p *Provider) tell(ctx context.Context, verb, zone string, records []libdns.Record) error {
	for _, record := range records {
		rr := record.RR()
		body, err := json.Marshal(map[string]string{"name": libdns.AbsoluteName(rr.Name, zone), "value": rr.Data})
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Server+"/"+verb, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+p.Token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1024))
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the DNS API answers %d: %s", answer.StatusCode, said)
		}
	}
	return nil
}

func main() { caddycmd.Main() }
