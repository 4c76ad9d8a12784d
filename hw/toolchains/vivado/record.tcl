# SPDX-License-Identifier: BSD-3-Clause
# For a dry run: runs a script with Vivado's commands replaced by ones that write down how they were called.
# tclsh record.tcl RECORD TABLE SCRIPT ARGUMENTS...
# TABLE is a Tcl list of command, options with a value, options without one, and what to return.
set argv [lassign $argv record_file table script]
set argc [llength $argv]
set record [open $record_file w]

proc recorded {name values flags returns args} {
	set others {}
	for {set i 0} {$i < [llength $args]} {incr i} {
		set word [lindex $args $i]
		if {$word in $values} {
			incr i
		} elseif {$word ni $flags} {
			lappend others $word
		}
	}
	puts $::record [join [list $name {*}$args] \x1f]
	return [string map [list "{0}" [lindex $others 0]] $returns]
}

foreach {name values flags returns} $table {
	interp alias {} $name {} recorded $name $values $flags $returns
}
# Constraints are Tcl, and are run as such.
interp alias {} read_xdc {} constraints
proc constraints {file} {
	recorded read_xdc {} {} {} $file
	uplevel #0 [list source $file]
}
# An unknown command is an error, and not a program of the shell.
proc unknown {name args} {
	error "$name: no command of Tcl, and none of Vivado's in commands.toml"
}

source $script
