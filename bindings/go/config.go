package fovea

import "fovea/internal/capi"

// Config is what one attention layer needs. Heads, head size and query type must be set; every other zero value is the
// default: causal decoder attention, scale 1/sqrt(HeadSize), no window, no soft cap, a strided cache of block size 16.
type Config struct {
	NumQueryHeads, NumKVHeads int32 // query head h reads KV head h / (NumQueryHeads / NumKVHeads)
	HeadSize                  int32 // of query and key, in elements
	HeadSizeV                 int32 // of value and output; 0 = HeadSize

	QueryType   DataType // of the query, and of this step's key and value (which are bf16 if the query is fp8)
	KVCacheType DataType // NoDataType = QueryType
	OutputType  DataType // NoDataType = QueryType (bf16 if that is fp8)

	Scale         float32 // the factor on query . key; 0 = 1/sqrt(HeadSize)
	Window        *Window // nil = every key within the causal rule
	LogitsSoftCap float32 // scores become cap * tanh(score / cap); 0 = off
	Alibi         Alibi   // forwards give AlibiSlopes
	Sinks         bool    // forwards give Sinks
	LSE           bool    // forwards may ask for the log-sum-exp of each row, or for partial states
	PrefixRanges  PrefixRanges

	NonCausal         bool // forwards may be non-causal: every query sees the whole context and its whole sequence
	PerSequenceCausal bool // the metadata may hold a causal flag for each sequence; needs NonCausal
	AttentionType     AttentionType

	KVCacheLayout  KVCacheLayout
	BlockSize      int32 // tokens per block of the cache, a multiple of 16; 0 = 16
	KVScales       KVScales
	BatchInvariant bool // the bits of a row depend only on its own sequence
}

// Window limits what position p sees to keys t with p - t <= Left and t - p <= Right; -1 leaves a side open. Both ends
// are inclusive: {0, 0} sees itself only, and "a causal window of W tokens" is {W - 1, 0}.
type Window struct {
	Left, Right int32
}

// Reason is one reason why a backend refuses a config.
type Reason struct {
	Code     ReasonCode
	Sentence string
}

// ReasonCode is the kind of a [Reason].
type ReasonCode int32

const (
	ReasonNone              ReasonCode = 0
	ReasonHeadSize          ReasonCode = 1
	ReasonDataType          ReasonCode = 2
	ReasonKVCacheDataType   ReasonCode = 3
	ReasonBlockSize         ReasonCode = 4
	ReasonPrefixRanges      ReasonCode = 5
	ReasonSinks             ReasonCode = 6
	ReasonPerHeadKVScales   ReasonCode = 7
	ReasonArchitecture      ReasonCode = 8
	ReasonAttentionType     ReasonCode = 9
	ReasonSlidingWindow     ReasonCode = 10
	ReasonNonCausal         ReasonCode = 11
	ReasonBatchInvariance   ReasonCode = 12
	ReasonLogitsSoftCap     ReasonCode = 13
	ReasonAlibi             ReasonCode = 14
	ReasonLSE               ReasonCode = 15
	ReasonPerSequenceCausal ReasonCode = 16
	ReasonKVCacheLayout     ReasonCode = 17
	ReasonHeads             ReasonCode = 18
	ReasonOutputDataType    ReasonCode = 19
	ReasonIncompleteConfig  ReasonCode = 20 // something without a default was not set
	ReasonContradiction     ReasonCode = 21 // two settings that exclude each other
	ReasonUnavailable       ReasonCode = 22 // the backend cannot be used on this machine
	ReasonDevice            ReasonCode = 23 // the backend does not run on the context's device
)

// Validate tells whether each field is legal by itself; [Config.Check] asks a backend.
func (c Config) Validate() error {
	config, err := c.open()
	if err == nil {
		capi.FoveaConfigDestroy(config)
	}
	return err
}

// Check asks one backend whether it can serve the config. If not, the error joins all reasons, and they are returned
// one by one as well.
func (c Config) Check(backend Backend) ([]Reason, error) {
	config, err := c.open()
	if err != nil {
		return nil, err
	}
	defer capi.FoveaConfigDestroy(config)
	var report capi.Report
	refusal := errorOf(capi.FoveaConfigCheck(config, int32(backend), &report))
	defer capi.FoveaReportDestroy(report)
	if report == 0 {
		return nil, refusal
	}
	var count int32
	if err := errorOf(capi.FoveaReportGetCount(report, &count)); err != nil {
		return nil, err
	}
	var reasons []Reason
	for i := int32(0); i < count; i++ {
		code := ReasonCode(capi.Fovea_report_code(report, i))
		reasons = append(reasons, Reason{code, capi.Fovea_report_sentence(report, i)})
	}
	return reasons, refusal
}

// open makes the library's own config, to be destroyed by the caller.
func (c *Config) open() (capi.Config, error) {
	var config capi.Config
	if err := errorOf(capi.FoveaConfigCreate(&config)); err != nil {
		return 0, err
	}
	if err := c.set(config); err != nil {
		capi.FoveaConfigDestroy(config)
		return 0, err
	}
	return config, nil
}

func (c *Config) set(config capi.Config) error {
	window := Window{-1, -1}
	if c.Window != nil {
		window = *c.Window
	}
	blockSize := c.BlockSize
	if blockSize == 0 {
		blockSize = 16
	}
	for _, failure := range []*capi.Failure{
		capi.FoveaConfigSetHeads(config, c.NumQueryHeads, c.NumKVHeads),
		capi.FoveaConfigSetHeadSizes(config, c.HeadSize, c.HeadSizeV),
		capi.FoveaConfigSetDataTypes(config, int32(c.QueryType), int32(c.KVCacheType), int32(c.OutputType)),
		capi.FoveaConfigSetScale(config, c.Scale),
		capi.FoveaConfigSetSlidingWindow(config, window.Left, window.Right),
		capi.FoveaConfigSetLogitsSoftCap(config, c.LogitsSoftCap),
		capi.FoveaConfigSetAlibi(config, int32(c.Alibi)),
		capi.FoveaConfigSetSinks(config, flag(c.Sinks)),
		capi.FoveaConfigSetLse(config, flag(c.LSE)),
		capi.FoveaConfigSetPrefixRanges(config, int32(c.PrefixRanges)),
		capi.FoveaConfigSetPerSequenceCausal(config, flag(c.PerSequenceCausal)),
		capi.FoveaConfigSetAttentionType(config, int32(c.AttentionType)),
		capi.FoveaConfigSetNonCausal(config, flag(c.NonCausal)),
		capi.FoveaConfigSetKvCacheLayout(config, int32(c.KVCacheLayout), blockSize),
		capi.FoveaConfigSetKvScales(config, int32(c.KVScales)),
		capi.FoveaConfigSetBatchInvariant(config, flag(c.BatchInvariant)),
	} {
		if failure != nil {
			return errorOf(failure)
		}
	}
	return nil
}
