// Command sarama2378 publishes to a broker that has too few replicas, with an
// idempotent producer. Sarama v1.37.2 loses messages when it retries them
// (Shopify/sarama PR #2378): neither an error nor a success ever comes for them,
// and a Close waits for them for ever. Nothing else in the producer stands.
package main

import (
	"os"

	"github.com/Shopify/sarama"
)

const topic = "topic"

func main() {
	begin()
	healthy := newProducer(sarama.ErrNoError)
	go work(1, func(int) error {
		healthy.Input() <- message()
		select {
		case <-healthy.Successes():
			return nil
		case err := <-healthy.Errors():
			return err
		}
	})
	faultDue()
	p := newProducer(sarama.ErrNotEnoughReplicas)
	attempt(func() { publish(p) })
	select {}
}

// publish sends some messages, and then closes the producer, as a service that
// shuts down does, which returns when an answer has come for each message.
func publish(p sarama.AsyncProducer) {
	for range 10 {
		p.Input() <- message()
	}
	_ = p.Close()
}

func message() *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("value")}
}

// newProducer returns a producer whose broker answers with an error code.
func newProducer(code sarama.KError) sarama.AsyncProducer {
	var t reporter
	b := sarama.NewMockBroker(t, 1)
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest":       sarama.NewMockMetadataResponse(t).SetBroker(b.Addr(), b.BrokerID()).SetLeader(topic, 0, b.BrokerID()),
		"InitProducerIDRequest": sarama.NewMockWrapper(&sarama.InitProducerIDResponse{ProducerID: 1000, ProducerEpoch: 1}),
		"ProduceRequest":        sarama.NewMockProduceResponse(t).SetVersion(3).SetError(topic, 0, code),
	})
	c := sarama.NewConfig()
	c.Version = sarama.V0_11_0_0
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Retry.Max = 1
	c.Net.MaxOpenRequests = 1
	if code != sarama.ErrNoError {
		c.Producer.Flush.Frequency = 50e6 // messages that meet in a batch are lost together
		c.Producer.Retry.Backoff = 100e6
	}
	p, err := sarama.NewAsyncProducer([]string{b.Addr()}, c)
	if err != nil {
		fail("make a producer", err)
	}
	return p
}

// reporter is what the mock broker complains to.
type reporter struct{}

func (reporter) Error(...any)          {}
func (reporter) Errorf(string, ...any) {}
func (reporter) Fatal(...any)          { os.Exit(1) }
func (reporter) Fatalf(string, ...any) { os.Exit(1) }
func (reporter) Helper()               {}
