// SPDX-License-Identifier: BSD-3-Clause
// Shrinks an image by exact box averages: WIDTH x HEIGHT means, each of its own box of pixels, rounded half up.
//
// Function    The image comes row by row in words of 8 pixels, the first one low. A row begins at pixel `offset` of its
//             first word; each further row's begins `step` later, modulo 8; what is behind a row's last pixel in its
//             last word is dropped. Of the boxes' widths, `column_least` is the lesser and WIDTH * column_least +
//             column_more the row's length, and likewise for the rows. Box i begins at floor(i * size / count), as in
//             model/preprocess.py. `start` begins an image; the numbers stay as they are until its last mean has left.
// Throughput  A word a cycle that one box ends in at most; one cycle more for each further box that ends in it. A mean
//             a cycle.
// Latency     From the word with a box's last pixel to its mean, 11 cycles.
//
// In a cycle a word gives the rest of the box at hand and, where one begins there that reaches beyond the word, its
// first part. A row's sums are added to those of the rows before in a block RAM, an entry a column of boxes; a box's
// first row begins with half the area, which is what rounds, and its last row's sum goes to the division.
`default_nettype none

module box_average #(
	parameter int unsigned WIDTH       = 112,	// 8 or above: a sum is read anew 4 cycles after it was written
	parameter int unsigned HEIGHT      = 80,
	parameter int unsigned COLUMN_BITS = 6,	// bits of a box's columns
	parameter int unsigned ROW_BITS    = 5,	// bits of a box's rows
	parameter int unsigned AREA_BITS   = 11	// bits of a box's pixels
)(
	input  wire                        clk,
	input  wire                        rst_n,

	input  wire                        start,
	input  wire [2:0]                  offset,
	input  wire [2:0]                  step,
	input  wire [COLUMN_BITS-1:0]      column_least,
	input  wire [$clog2(WIDTH)-1:0]    column_more,
	input  wire [ROW_BITS-1:0]         row_least,
	input  wire [$clog2(HEIGHT)-1:0]   row_more,
	input  wire [AREA_BITS-1:0]        area,	// column_least * row_least

	input  wire [63:0]                 s_tdata,
	input  wire                        s_tvalid,
	output wire                        s_tready,

	output wire [7:0]                  m_tdata,
	output wire                        m_tvalid,
	input  wire                        m_tready
);
	localparam int unsigned  SUM_BITS = AREA_BITS + 8;
	localparam int unsigned  INDEX_BITS = $clog2(WIDTH);
	localparam int unsigned  LINE_BITS = $clog2(HEIGHT);

	initial begin
		if(WIDTH < 8)   $error("%m: WIDTH = %0d must be 8 or above.", WIDTH);
		if(HEIGHT < 2)  $error("%m: HEIGHT = %0d must be 2 or above.", HEIGHT);
		if(COLUMN_BITS < 4 || ROW_BITS < 1 || AREA_BITS < COLUMN_BITS || AREA_BITS < ROW_BITS)
			$error("%m: COLUMN_BITS = %0d must be 4 or above, ROW_BITS = %0d 1, and AREA_BITS = %0d neither's less.",
				COLUMN_BITS, ROW_BITS, AREA_BITS);
	end

	wire  enable;	// all stages move

	//-----------------------------------------------------------------------
	// Where boxes end. A box is wider by one where the fractions so far make a whole.
	logic                   Running;
	logic                   Starting;	// the second box's width is not known yet
	logic [2:0]             Offset;	// of the next row
	logic [2:0]             Place;	// of the first pixel at hand in its word
	logic [COLUMN_BITS-1:0] Left;	// pixels of the box at hand
	logic                   Wide;	// it is
	logic                   NextWide;
	logic [INDEX_BITS-1:0]  ColumnPhase;	// fraction, in WIDTHs, in front of the box after the next
	logic [INDEX_BITS-1:0]  Column;	// the box at hand
	logic [LINE_BITS-1:0]   Line;
	logic [LINE_BITS-1:0]   RowPhase;	// fraction in front of the next line of boxes
	logic                   Tall;	// the line at hand
	logic                   FirstRow;	// of the line
	logic [ROW_BITS-1:0]    RowsLeft;	// of the line, behind this one

	wire [INDEX_BITS:0]  column_phase = {1'b0, ColumnPhase} + {1'b0, column_more};
	wire  column_whole = column_phase >= (INDEX_BITS+1)'(WIDTH);
	wire [LINE_BITS:0]  row_phase = {1'b0, RowPhase} + {1'b0, row_more};
	wire  row_whole = row_phase >= (LINE_BITS+1)'(HEIGHT);

	wire [3:0]  available = 4'd8 - {1'b0, Place};
	wire  ends = Left <= COLUMN_BITS'(available);
	wire [3:0]  behind = {1'b0, Place} + Left[3:0];	// 1 to 8: where it ends, if it does
	wire [3:0]  remaining = 4'd8 - behind;
	wire [COLUMN_BITS-1:0]  next_width = column_least + COLUMN_BITS'(NextWide);
	wire  reaches = next_width > COLUMN_BITS'(remaining);	// the next box, beyond this word
	wire  last_column = Column == INDEX_BITS'(WIDTH - 1);
	wire  last_row = RowsLeft == '0;
	wire  row_over = ends && last_column;
	wire  word_over = !ends || last_column || reaches;
	wire  ready = Running && !Starting && enable;
	wire  work = ready && s_tvalid;
	assign  s_tready = ready && word_over;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Running <= 1'b0;
			Starting <= 1'b0;
		end
		else begin
			Starting <= start;
			if(start)  Running <= 1'b1;
			else if(work && row_over && last_row && Line == LINE_BITS'(HEIGHT - 1))  Running <= 1'b0;
		end
	end
	always_ff @(posedge clk) begin
		if(start) begin
			Place <= offset;
			Offset <= offset + step;
			Left <= column_least;
			Wide <= 1'b0;
			ColumnPhase <= column_more;
			Column <= '0;
			Line <= '0;
			Tall <= 1'b0;
			RowPhase <= row_more;
			FirstRow <= 1'b1;
			RowsLeft <= row_least - 1'b1;
		end
		if(Starting || (work && ends)) begin
			NextWide <= column_whole;
			ColumnPhase <= column_whole? INDEX_BITS'(column_phase - (INDEX_BITS+1)'(WIDTH)) : INDEX_BITS'(column_phase);
		end
		if(work) begin
			Place <= row_over? Offset : word_over? '0 : behind[2:0];
			Left <= !ends? Left - COLUMN_BITS'(available) :
				last_column || !reaches? next_width : next_width - COLUMN_BITS'(remaining);
			if(ends) begin
				Wide <= NextWide;
				Column <= last_column? '0 : Column + 1'b1;
			end
			if(row_over) begin
				Offset <= Offset + step;
				FirstRow <= last_row;
				RowsLeft <= last_row? row_least - ROW_BITS'(!row_whole) : RowsLeft - 1'b1;
				if(last_row) begin
					Line <= Line + 1'b1;
					Tall <= row_whole;
					RowPhase <= row_whole? LINE_BITS'(row_phase - (LINE_BITS+1)'(HEIGHT)) : LINE_BITS'(row_phase);
				end
			end
		end
	end

	//-----------------------------------------------------------------------
	// The two parts of the word, and their sums.
	typedef struct packed {
		logic  first;	// row of its box
		logic  last;
		logic  wide;
		logic  tall;
	} part_t;
	part_t  Part1, Part2, Part3;
	logic   Valid1, Valid2, Valid3;
	logic   Ends1, Ends2;
	logic [63:0]  Word1;
	logic [7:0]   Own1;	// pixels of the box at hand
	logic [7:0]   Other1;	// of the next one
	typedef logic [10:0]  word_sum_t;	// of up to 8 pixels
	word_sum_t    Own2, Other2;

	function automatic word_sum_t sum_of(input logic [63:0] word, input logic [7:0] which);
		sum_of = '0;
		for(int unsigned i = 0; i < 8; i++)  if(which[i])  sum_of += word_sum_t'(word[8*i +: 8]);
	endfunction : sum_of

	wire [7:0]  from_place = 8'hFF << Place;
	wire [7:0]  from_behind = 8'(16'h00FF << behind);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Valid1 <= 1'b0;
			Valid2 <= 1'b0;
			Valid3 <= 1'b0;
		end
		else if(enable) begin
			Valid1 <= work;
			Valid2 <= Valid1;
			Valid3 <= Valid2 && Ends2;
		end
	end
	always_ff @(posedge clk) begin
		if(enable) begin
			Word1 <= s_tdata;
			Own1 <= ends? from_place & ~from_behind : from_place;
			Other1 <= ends && !last_column && reaches? from_behind : '0;
			Ends1 <= ends;
			Part1 <= '{first: FirstRow, last: last_row, wide: Wide, tall: Tall};

			Own2 <= sum_of(Word1, Own1);
			Other2 <= sum_of(Word1, Other1);
			Ends2 <= Ends1;
			Part2 <= Part1;
			Part3 <= Part2;
		end
	end

	//-----------------------------------------------------------------------
	// A row's part of a box, and beside it what the rows before made.
	logic [SUM_BITS-1:0]    Begun;	// sum of the box at hand in this row, so far
	logic [SUM_BITS-1:0]    Sum3;	// the whole row's
	logic [INDEX_BITS-1:0]  Index2, Index3;
	logic [SUM_BITS-1:0]    Before3;
	wire [SUM_BITS-1:0]  row_sum = Begun + SUM_BITS'(Own2);

	wire [AREA_BITS-1:0]  areas[4];
	assign  areas[0] = area;
	assign  areas[1] = area + AREA_BITS'(row_least);	// wide
	assign  areas[2] = area + AREA_BITS'(column_least);	// tall
	assign  areas[3] = areas[2] + AREA_BITS'(row_least) + 1'b1;
	wire [AREA_BITS-1:0]  area3 = areas[{Part3.tall, Part3.wide}];
	wire [SUM_BITS-1:0]   sum = Sum3 + (Part3.first? SUM_BITS'(area3 >> 1) : Before3);

	(* ram_style = "block" *)
	logic [SUM_BITS-1:0]  Memory[2**INDEX_BITS];
	always_ff @(posedge clk) begin
		if(enable && Valid3)  Memory[Index3] <= sum;
	end
	always_ff @(posedge clk) begin
		if(enable)  Before3 <= Memory[Index2];
	end
	always_ff @(posedge clk) begin
		if(start) begin
			Begun <= '0;
			Index2 <= '0;
		end
		else if(enable && Valid2) begin
			Begun <= Ends2? SUM_BITS'(Other2) : row_sum;
			if(Ends2)  Index2 <= Index2 == INDEX_BITS'(WIDTH - 1)? '0 : Index2 + 1'b1;
		end
	end
	always_ff @(posedge clk) begin
		if(enable) begin
			Sum3 <= row_sum;
			Index3 <= Index2;
		end
	end

	box_divide #(.AREA_BITS(AREA_BITS)) divide (
		.clk, .rst_n,
		.s_tdata(sum), .s_area(area3), .s_tvalid(Valid3 && Part3.last), .s_tready(enable),
		.m_tdata, .m_tvalid, .m_tready
	);

endmodule : box_average

`default_nettype wire
