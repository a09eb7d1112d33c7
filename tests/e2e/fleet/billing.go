package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/riverkeeper/riverkeeper/clients/go"
	"github.com/riverqueue/river"
)

// ChargeInvoices charges one invoice after the other by HTTP calls without a time limit, and saves a checkpoint after each.
type ChargeInvoices struct {
	Server   string `json:"server"`
	Invoices int    `json:"invoices"`
}

func (ChargeInvoices) Kind() string { return "charge_invoices" }

func addBilling(ws *river.Workers) {
	river.AddWorker(ws, &worker[ChargeInvoices]{limit: -1, retry: time.Second, work: func(ctx context.Context, job *river.Job[ChargeInvoices]) error {
		done := 0
		if _, err := riverbeat.Resume(ctx, &done); err != nil {
			return err
		}
		for ; done < job.Args.Invoices; done++ {
			if err := chargeInvoice(ctx, job.Args.Server, done+1); err != nil {
				return err
			}
			if err := riverbeat.Checkpoint(ctx, done+1); err != nil {
				return err
			}
			note := fmt.Sprintf("invoice %d of %d", done+1, job.Args.Invoices)
			riverbeat.Progress(ctx, float64(done+1)/float64(job.Args.Invoices), note)
		}
		return nil
	}})
}

func chargeInvoice(ctx context.Context, server string, number int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/invoices/%d/charge", server, number), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
