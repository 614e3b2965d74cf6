package main

import (
	"fmt"
	"math"
	"strings"
)

// Measures of the chart, in pixels.
const (
	chartLeft   = 210 // width of the labels
	chartPanel  = 230 // width of one panel
	chartGap    = 46  // between panels
	chartTop    = 84  // height of the title
	chartRow    = 20  // height of a case
	chartGroup  = 12  // extra space before a new group of cases
	chartFooter = 40
)

// A panel reaches from 1/chartSpan to chartSpan, on a logarithmic scale, so
// that twice as fast and half as fast are equally far from the middle.
const chartSpan = 4.0

// Colours that people who see red and green alike can tell apart.
const (
	colourBetter = "#1f77b4"
	colourWorse  = "#e6842a"
)

var chartPanels = []struct {
	title          string
	of             func(sample) float64
	higherIsBetter bool
}{
	{"Throughput (right is better)", rps, true},
	{"CPU per operation (left is better)", cpu, false},
	{"p99 latency (left is better)", p99, false},
}

// chart draws the ratios Ringmain / twemproxy, one row a case, as SVG; empty if
// one of them was not measured.
func (c *comparison) chart() string {
	var rows []caseResult
	for _, r := range c.results {
		if !math.IsNaN(r.ratio(rps)) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return ""
	}
	var body strings.Builder
	y := chartTop
	for i, r := range rows {
		if i > 0 && (rows[i-1].size != r.size || rows[i-1].pipeline != r.pipeline || rows[i-1].clients != r.clients) {
			y += chartGroup
		}
		chartCase(&body, r, y)
		y += chartRow
	}
	width := chartLeft + len(chartPanels)*(chartPanel+chartGap)
	height := y + chartFooter
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text(&b, 16, 26, "start", "#222", 16, fmt.Sprintf("Ringmain (%d loop) relative to twemproxy 0.5.0", c.loops))
	chartAxes(&b, y)
	b.WriteString(body.String())
	chartLegend(&b, y+28)
	b.WriteString("</svg>\n")
	return b.String()
}

// chartAxes draws titles, grid and scale of the panels down to bottom.
func chartAxes(b *strings.Builder, bottom int) {
	for i, p := range chartPanels {
		left := chartLeft + i*(chartPanel+chartGap)
		text(b, left+chartPanel/2, 52, "middle", "#222", 12, p.title)
		for _, tick := range []float64{0.25, 0.5, 1, 2, 4} {
			x := left + position(tick)
			colour := "#ddd"
			if tick == 1 {
				colour = "#444"
			}
			fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s"/>`+"\n", x, chartTop-6, x, bottom+4, colour)
			text(b, x, chartTop-12, "middle", "#666", 10, fmt.Sprintf("%g", tick))
		}
	}
}

// chartCase draws one row.
func chartCase(b *strings.Builder, r caseResult, y int) {
	label := fmt.Sprintf("%s P=%d, %d clients, %s", r.op, r.pipeline, r.clients, sizeName(r.size))
	text(b, chartLeft-14, y+14, "end", "#222", 12, label)
	for i, p := range chartPanels {
		v := r.ratio(p.of)
		if math.IsNaN(v) {
			continue
		}
		left := chartLeft + i*(chartPanel+chartGap)
		middle, end := left+position(1), left+position(v)
		colour := colourWorse
		if (v >= 1) == p.higherIsBetter {
			colour = colourBetter
		}
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
			min(middle, end), y+3, max(1, max(middle, end)-min(middle, end)), chartRow-6, colour)
		x, anchor := end+4, "start"
		if v < 1 {
			x, anchor = end-4, "end"
		}
		text(b, x, y+14, anchor, "#222", 10, fmt.Sprintf("%.2f", v))
	}
}

func chartLegend(b *strings.Builder, y int) {
	x := 16
	for _, entry := range []struct{ colour, words string }{
		{colourBetter, "Ringmain is better"}, {colourWorse, "twemproxy is better"},
	} {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/>`+"\n", x, y-10, entry.colour)
		text(b, x+18, y, "start", "#222", 12, entry.words)
		x += 160
	}
}

// position is where a ratio lies in a panel, from its left; beyond the scale
// it stays at the edge, but for room for the number.
func position(ratio float64) int {
	share := (math.Log(ratio)/math.Log(chartSpan) + 1) / 2
	return int(math.Round(min(max(share, 0), 1) * chartPanel))
}

// text draws words, which hold nothing that XML would mistake for markup.
func text(b *strings.Builder, x, y int, anchor, colour string, size int, words string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="%s" font-size="%d">%s</text>`+"\n",
		x, y, anchor, colour, size, words)
}
