// SPDX-License-Identifier: BSD-3-Clause
// The memory behind an AXI read port, as it may behave at its worst: bursts answered in order, any time after they were
// taken, each beat well or with an error. One word of the solver's choice holds a value of the solver's choice.
`default_nettype none

module axi_read_memory #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned BURSTS	// that can be under way
)(
	input  wire                   clk,
	input  wire                   rst_n,
	input  wire [ADDR_WIDTH-1:0]  araddr,
	input  wire [7:0]             arlen,
	input  wire                   arvalid,
	input  wire                   arready,
	input  wire [63:0]            rdata,
	input  wire                   rlast,
	input  wire                   rvalid,
	input  wire                   rready,

	output wire [ADDR_WIDTH-4:0]  watch_word,	// the chosen word's address, constant
	output wire [63:0]            watch_data,	// what it holds, constant
	output wire [3:0]             under_way 	// bursts
);
	typedef logic [ADDR_WIDTH-4:0]  word_t;
	logic [BURSTS-1:0][ADDR_WIDTH-4:0]  Word;	// the oldest burst is number 0
	logic [BURSTS-1:0][7:0]  Length;
	logic [3:0]  Count;
	logic [7:0]  Beat;
	logic [ADDR_WIDTH-4:0]  Watch;
	logic [63:0]  Data;
	always_ff @(posedge clk) begin
		Watch <= Watch;
		Data <= Data;
	end
	assign  watch_word = Watch;
	assign  watch_data = Data;
	assign  under_way = Count;

	wire  put = arvalid && arready;
	wire  beat = rvalid && rready;
	wire  take = beat && rlast;
	wire [3:0]  kept = Count - 4'(take);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Count <= 0;
			Beat <= 0;
		end
		else begin
			Count <= kept + 4'(put);
			if(beat)  Beat <= rlast? '0 : Beat + 1'b1;
		end
	end
	for(genvar  i = 0; i < BURSTS; i++) begin : genBurst
		always_ff @(posedge clk) begin
			if(put && (kept == 4'(i))) begin
				Word[i] <= araddr[ADDR_WIDTH-1:3];
				Length[i] <= arlen;
			end
			else if(take && (i + 1 < BURSTS)) begin
				Word[i] <= Word[(i+1) % BURSTS];
				Length[i] <= Length[(i+1) % BURSTS];
			end
		end
	end : genBurst

	always_comb if(rst_n && rvalid) begin
		answers_what_was_asked: assume(Count != 0);
		last_is_last: assume(rlast == (Beat == Length[0]));
		if((Word[0] + word_t'(Beat)) == Watch)  right_data: assume(rdata == Data);
	end
	always_comb if(rst_n) begin
		enough_places: assert((Count < 4'(BURSTS)) || !put || take);
	end

endmodule : axi_read_memory

`default_nettype wire
