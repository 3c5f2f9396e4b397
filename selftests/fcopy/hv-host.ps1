# SPDX-License-Identifier: GPL-2.0-only

<#
.SYNOPSIS
    Plays the host's part in testing Copy-VMFile with a Linux guest.
.DESCRIPTION
    Copies files into a running VM, switches its Guest Service Interface off and
    on, and copies a large file. Writes the results as TAP. Run it as
    administrator on the Hyper-V host. The guest needs hyperv-uio-fcopyd and
    hyperv-uio-selftests, and an ssh server that accepts root logins with a key.
    The guest changes /tmp/in and its root directory, so use a VM that you can
    throw away.

    Each row of the table is two results: the status that the host gets, and the
    files that the guest finds. A refusal passes if its text has the code of the
    status, as Microsoft's own tests expect it for a file that exists. Nobody has
    seen yet which code Windows shows for the others. The text of each refusal
    becomes a comment.
.PARAMETER VMName
    The name of the VM.
.PARAMETER Guest
    Where ssh finds the guest: root@ADDRESS.
.PARAMETER GuestScript
    The path of hv-guest.sh in the guest.
.PARAMETER LargeMB
    The size of the large file.
.PARAMETER ServiceSeconds
    How long the guest may take until it has followed the service.
.PARAMETER TapFile
    The file for the results, which also go to the screen.
.PARAMETER Ssh
    The ssh program.
.EXAMPLE
    .\hv-host.ps1 -VMName debian -Guest root@192.0.2.7 -TapFile result.tap
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File .\hv-host.ps1 -VMName debian -Guest root@192.0.2.7
    This works where Windows refuses scripts.
#>

#Requires -Version 5.1
#Requires -RunAsAdministrator
#Requires -Modules Hyper-V
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $VMName,
    [Parameter(Mandatory = $true)] [string] $Guest,
    [string] $GuestScript = '/usr/libexec/hyperv-uio/selftests/fcopy/hv-guest.sh',
    [ValidateRange(1, 1048576)] [int] $LargeMB = 1024,
    [ValidateRange(1, 3600)] [int] $ServiceSeconds = 60,
    [string] $TapFile = 'hv-host.tap',
    [string] $Ssh = 'ssh'
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# The table begins. hv-host-rows wrote it.
$RowsChecksum = '4078570298 6412'
$Rows = @(
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/new.bin'; Words = 'a new file' }
    [pscustomobject]@{ Status = 'ok'; Options = 'Force'; Source = 'source.bin'; Destination = '/tmp/in/new.bin'; Words = 'a new file, with -Force' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/new.bin'; Words = 'a new file, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '//tmp//in//new.bin'; Words = 'a path with doubled slashes' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/dir/'; Words = 'a directory, with a slash' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/dir'; Words = 'a directory, without a slash' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/dir'; Words = 'a directory, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/dir//'; Words = 'a directory, with two slashes' }
    [pscustomobject]@{ Status = 'exists'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/old.bin'; Words = 'a file that exists' }
    [pscustomobject]@{ Status = 'ok'; Options = 'Force'; Source = 'source.bin'; Destination = '/tmp/in/old.bin'; Words = 'a file that exists, with -Force' }
    [pscustomobject]@{ Status = 'exists'; Options = ''; Source = 'old.bin'; Destination = '/tmp/in/'; Words = 'a file that exists in the directory' }
    [pscustomobject]@{ Status = 'ok'; Options = 'Force'; Source = 'old.bin'; Destination = '/tmp/in'; Words = 'a file that exists in the directory, with -Force' }
    [pscustomobject]@{ Status = 'directory'; Options = ''; Source = 'dir'; Destination = '/tmp/in/'; Words = 'a directory of the source''s name' }
    [pscustomobject]@{ Status = 'directory'; Options = 'Force'; Source = 'dir'; Destination = '/tmp/in'; Words = 'a directory of the source''s name, with -Force' }
    [pscustomobject]@{ Status = 'missing'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/old.bin/'; Words = 'a file that exists, with a slash' }
    [pscustomobject]@{ Status = 'missing'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/old.bin/new.bin'; Words = 'below a file' }
    [pscustomobject]@{ Status = 'missing'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/new/deep/file.bin'; Words = 'a file in a missing directory' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/new/deep/file.bin'; Words = 'a file in a missing directory, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'missing'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/new2/deep/'; Words = 'a missing directory, with a slash' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/new2/deep/'; Words = 'a missing directory, with a slash and -CreateFullPath' }
    [pscustomobject]@{ Status = 'denied'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/fixed'; Words = 'an immutable directory, without a slash' }
    [pscustomobject]@{ Status = 'denied'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/fixed/new/'; Words = 'an immutable directory, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'denied'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/fixed/new.bin'; Words = 'a file in an immutable directory' }
    [pscustomobject]@{ Status = 'denied'; Options = 'Force'; Source = 'source.bin'; Destination = '/tmp/in/fixed.bin'; Words = 'a file that is immutable, with -Force' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'Gr\u00FC\u00DFe \u65E5\u672C \uD83C\uDF89.txt'; Destination = '/tmp/in/'; Words = 'the source''s name beyond ASCII' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/\u00FCbung/Gr\u00FC\u00DFe \u65E5\u672C \uD83C\uDF89.txt'; Words = 'the destination beyond ASCII' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = '\u00F1and\u00FA.txt'; Destination = '/tmp/in/\u00FCbung'; Words = 'both beyond ASCII' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = '\u00F1and\u00FA.txt'; Destination = '/tmp/in/\u65E5\u672C/\uD83C\uDF89/'; Words = 'new directories beyond ASCII' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/long/' + 'a' * 81 + '/' + 'b' * 81 + '/' + 'c' * 82; Words = '259 units' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/long/' + '\u65E5' * 81 + '/' + '\u672C' * 81 + '/' + '\u8A9E' * 82; Words = '259 units beyond ASCII' }
    [pscustomobject]@{ Status = 'too_long'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/' + '\u65E5' * 86; Words = 'a component of 258 bytes' }
    [pscustomobject]@{ Status = 'too_long'; Options = ''; Source = '\u65E5' * 86; Destination = '/tmp/in/'; Words = 'a source''s name of 258 bytes' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = 'tmp/in/rel.bin'; Words = 'a relative path of a file' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = 'tmp/in/dir'; Words = 'a relative path of a directory' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = ''; Words = 'an empty destination' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/'; Words = 'the root' }
    [pscustomobject]@{ Status = 'directory'; Options = 'Force'; Source = 'bin'; Destination = '/'; Words = 'the root, which has a link to a directory of that name, with -Force' }
    [pscustomobject]@{ Status = 'directory'; Options = 'Force'; Source = 'bin'; Destination = ''; Words = 'an empty destination, where the root has a link of that name, with -Force' }
    [pscustomobject]@{ Status = 'directory'; Options = ''; Source = 'bin'; Destination = '/'; Words = 'the root, which has a link of that name' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'x'; Destination = '/tmp/in/'; Words = 'a host that splits the destination after the slash' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'x'; Destination = '/tmp/in'; Words = 'a host that splits the destination at the slash' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'source.bin'; Destination = 'C:\\x'; Words = 'a path of Windows' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in\\new.bin'; Words = 'a ''\\'' in the destination' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'a\\b'; Destination = '/tmp/in/'; Words = 'a ''\\'' in the source''s name' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/dir/..'; Words = '''..'' at the destination''s end' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/dir/../new.bin'; Words = '''..'' in the destination' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'source.bin'; Destination = '../tmp/in/new.bin'; Words = '''..'' at the start of a relative destination' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = '..'; Destination = '/tmp/in/'; Words = '''..'' as the source''s name' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = '.'; Destination = '/tmp/in/'; Words = '''.'' as the source''s name' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = 'a/b'; Destination = '/tmp/in/'; Words = 'a ''/'' in the source''s name' }
    [pscustomobject]@{ Status = 'syntax'; Options = ''; Source = ''; Destination = '/tmp/in/'; Words = 'no source''s name, for a directory' }
    [pscustomobject]@{ Status = 'syntax'; Options = 'Raw'; Source = 'raw'; Destination = '/tmp/in/'; Words = 'a source''s name of 260 units' }
    [pscustomobject]@{ Status = 'syntax'; Options = 'Raw'; Source = 'source.bin'; Destination = 'raw'; Words = 'a destination of 260 units' }
    [pscustomobject]@{ Status = 'syntax'; Options = 'Raw'; Source = 'source.bin'; Destination = 'raw'; Words = 'half a surrogate in the destination' }
    [pscustomobject]@{ Status = 'link'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/theirs'; Words = 'a user''s link to a directory' }
    [pscustomobject]@{ Status = 'link'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/theirs/'; Words = 'a user''s link to a directory, with a slash' }
    [pscustomobject]@{ Status = 'link'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/theirs/new.bin'; Words = 'a user''s link on the way' }
    [pscustomobject]@{ Status = 'link'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/theirs/new/'; Words = 'a user''s link on the way, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'link'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/shared/ours/'; Words = 'root''s link in a directory to which others write' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/ours'; Words = 'root''s link to a directory' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/ours/'; Words = 'root''s link to a directory, with a slash' }
    [pscustomobject]@{ Status = 'ok'; Options = ''; Source = 'source.bin'; Destination = '/tmp/in/ours/new.bin'; Words = 'root''s link on the way' }
    [pscustomobject]@{ Status = 'ok'; Options = 'CreateFullPath'; Source = 'source.bin'; Destination = '/tmp/in/ours/new/new.bin'; Words = 'root''s link on the way, with -CreateFullPath' }
    [pscustomobject]@{ Status = 'directory'; Options = 'Force'; Source = 'ours'; Destination = '/tmp/in/'; Words = 'root''s link to a directory, of the source''s name, with -Force' }
)
# The table ends.

# What the guest answers, as a code of Windows
$Codes = @{
    missing   = '0x80070003'
    denied    = '0x80070005'
    exists    = '0x80070050'
    syntax    = '0x8007007b'
    too_long  = '0x800700ce'
    directory = '0x80070150'
    link      = '0x80070781'
}

# The names of services are translated, their ids are not.
$GuestServiceId = '6C09BB55-D683-4DA0-8931-C9BF705F6480'
$Utf8 = New-Object System.Text.UTF8Encoding $false
$TapPath = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($TapFile)
$Count = @{ pass = 0; fail = 0; skip = 0 }

function Write-Tap([string] $Line) {
    Write-Host $Line
    [System.IO.File]::AppendAllText($TapPath, $Line + "`n", $Utf8)
}

# Join the lines of a text with blanks, because a result of TAP has one line
function Join-Lines([string] $Text) {
    ($Text -replace '\s*[\r\n]+\s*', ' ').Trim()
}

function Write-Note([string] $Text) {
    foreach ($line in $Text -split '\r?\n') {
        if ($line.Trim()) {
            Write-Tap "# $line"
        }
    }
}

function Write-Result([bool] $Passed, [string] $Description) {
    $number = $Count.pass + $Count.fail + $Count.skip + 1
    if ($Passed) {
        $Count.pass++
        Write-Tap "ok $number $Description"
    } else {
        $Count.fail++
        Write-Tap "not ok $number $Description"
    }
}

function Write-Skip([string] $Description, [string] $Reason) {
    $Count.skip++
    Write-Tap ('ok {0} {1} # SKIP {2}' -f ($Count.pass + $Count.fail + $Count.skip), $Description, (Join-Lines $Reason))
}

function Write-Totals {
    Write-Tap ('# Totals: pass:{0} fail:{1} xfail:0 xpass:0 skip:{2} error:0' -f $Count.pass, $Count.fail, $Count.skip)
}

# End the run. The reason reaches the screen even if nobody can write the file.
function Stop-Run([string] $Reason, [string] $Details = '') {
    try {
        Write-Note $Details
        Write-Tap "Bail out! $(Join-Lines $Reason)"
        Write-Totals
    } catch {
        Write-Host "Bail out! $(Join-Lines $Reason)"
        Write-Host "# $TapPath cannot be written: $(Join-Lines $_.Exception.Message)"
    }
    exit 2
}

# Run a command in the guest. Return its exit status, its standard output
# (Output), and that output together with all messages, also those of ssh (All).
function Invoke-Guest([string] $Command) {
    # PowerShell makes an error record of each line of standard error. With
    # 'Stop', the first one would end the script in Windows PowerShell 5.1.
    $ErrorActionPreference = 'Continue'
    $PSNativeCommandUseErrorActionPreference = $false
    $settings = 'BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=15', 'ServerAliveCountMax=4', 'LogLevel=ERROR'
    $arguments = @($settings | ForEach-Object { '-o', $_ })
    $records = @($null | & $Ssh @arguments $Guest $Command 2>&1)
    $status = $LASTEXITCODE
    $output = @()
    $all = @()
    foreach ($record in $records) {
        if ($record -is [System.Management.Automation.ErrorRecord]) {
            $all += $record.Exception.Message
        } else {
            $output += "$record"
            $all += "$record"
        }
    }
    [pscustomobject]@{ Status = $status; Output = ($output -join "`n"); All = ($all -join "`n") }
}

function Invoke-Part([string] $Arguments) {
    Invoke-Guest "sh '$GuestScript' $Arguments"
}

# Wait until hv-guest.sh says yes to a word
function Wait-Guest([string] $Word) {
    $end = (Get-Date).AddSeconds($ServiceSeconds)
    do {
        $answer = Invoke-Part $Word
        if ($answer.Status -eq 0) {
            return $true
        }
        Start-Sleep -Seconds 1
    } while ((Get-Date) -lt $end)
    Write-Note $answer.All
    return $false
}

# Compare a file of the guest with this checksum, and remove it
function Test-Sum([string] $Path, [string] $Sum) {
    $found = Invoke-Part "sum $Path"
    if ($found.Status -ne 0) {
        Write-Note $found.All
    }
    $found.Status -eq 0 -and $found.Output.Trim() -eq $Sum
}

# Copy a file as an administrator would: success, or text and codes of the error
function Send-File([string] $Source, [string] $Destination, [string] $Options) {
    $arguments = @{
        Name            = $VMName
        SourcePath      = $Source
        DestinationPath = $Destination
        FileSource      = 'Host'
        Confirm         = $false
        ErrorAction     = 'Stop'
    }
    foreach ($option in $Options -split ' ') {
        if ($option) {
            $arguments[$option] = $true
        }
    }
    try {
        Copy-VMFile @arguments
        return [pscustomobject]@{ Success = $true; Refused = $false; Text = ''; Codes = @() }
    } catch {
        $failure = $_
        $text = "$($failure.Exception.Message) $($failure.ErrorDetails)"
        $found = @([regex]::Matches($text, '0x[0-9A-Fa-f]{8}') | ForEach-Object { $_.Value.ToLowerInvariant() })
        # PowerShell itself refused a parameter, so the guest has heard nothing.
        $refused = $failure.FullyQualifiedErrorId -like 'Parameter*'
        return [pscustomobject]@{ Success = $false; Refused = $refused; Text = $text; Codes = $found }
    }
}

# Write a file of random bytes, and return its SHA-256
function New-RandomFile([string] $Path, [long] $Bytes) {
    $random = [System.Security.Cryptography.RandomNumberGenerator]::Create()
    $stream = [System.IO.File]::Create($Path)
    try {
        $block = New-Object byte[] 1048576
        while ($Bytes -gt 0) {
            $random.GetBytes($block)
            $length = [int][Math]::Min($Bytes, [long]$block.Length)
            $stream.Write($block, 0, $length)
            $Bytes -= $length
        }
    } finally {
        $stream.Dispose()
        $random.Dispose()
    }
    (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant()
}

# Whether Windows can have a file of this name
function Test-FileName([string] $Name) {
    $Name -ne '' -and $Name -notmatch '[\\/:*?"<>|]' -and $Name -notmatch '^\.+$'
}

function Test-Row([int] $Number, [pscustomobject] $Row, [string] $Folder) {
    $words = [regex]::Unescape($Row.Words)
    $name = [regex]::Unescape($Row.Source)
    $destination = [regex]::Unescape($Row.Destination)
    $reason = ''
    if ($Row.Options -like '*Raw*') {
        $reason = 'Copy-VMFile cannot send this'
    } elseif (-not (Test-FileName $name)) {
        $reason = 'Windows has no file of this name'
    } else {
        $before = Invoke-Part "before $Number"
        if ($before.Status -eq 4) {
            $reason = $before.Output
        } elseif ($before.Status -ne 0) {
            Write-Note $before.All
            Write-Result $false "host: $words"
            Write-Result $false "guest: $words"
            return
        }
    }
    if (-not $reason) {
        $source = Join-Path $Folder $name
        $sum = New-RandomFile $source (5000 + $Number)
        $outcome = Send-File $source $destination $Row.Options
        Remove-Item -LiteralPath $source -Force
        if ($outcome.Refused) {
            $reason = "the cmdlet itself refuses: $($outcome.Text)"
        }
    }
    if ($reason) {
        Write-Skip "host: $words" $reason
        Write-Skip "guest: $words" $reason
        return
    }

    Write-Note $outcome.Text
    if ($Row.Status -eq 'ok') {
        $passed = $outcome.Success
    } else {
        # Without a code, nobody knows whether the guest has refused the
        # file, or whether the host has not reached it.
        $passed = -not $outcome.Success -and $outcome.Codes -contains $Codes[$Row.Status]
    }
    if (-not $passed) {
        Write-Note "Expected: $($Row.Status) $($Codes[$Row.Status])"
    }
    Write-Result $passed "host: $words"

    $after = Invoke-Part "after $Number $sum"
    if ($after.Status -ne 0) {
        Write-Note $after.All
    }
    Write-Result ($after.Status -eq 0) "guest: $words"
}

function Get-GuestService {
    Get-VMIntegrationService -VMName $VMName -ErrorAction SilentlyContinue | Where-Object { "$($_.Id)" -like "*$GuestServiceId" }
}

# Switch the service on or off. PowerShell 7 gets copies of its objects on
# Windows Server 2016, which these cmdlets do not accept in place of names.
function Set-GuestService([bool] $On) {
    $arguments = @{ VMName = $VMName; Name = (Get-GuestService).Name }
    if ($On) {
        Enable-VMIntegrationService @arguments
    } else {
        Disable-VMIntegrationService @arguments
    }
}

function Test-Service([string] $Folder) {
    $source = Join-Path $Folder 'service.bin'
    $sum = New-RandomFile $source 100000
    $path = '/var/tmp/hv-host.service'

    $null = Invoke-Guest "rm -f $path"
    Set-GuestService $false
    Write-Result (Wait-Guest 'absent') 'Guest Service off: the device goes'
    $outcome = Send-File $source $path ''
    Write-Note $outcome.Text
    Write-Result (-not $outcome.Success) 'Guest Service off: a copy fails'

    Set-GuestService $true
    Write-Result (Wait-Guest 'present') 'Guest Service on: the device comes, and hv-fcopyd starts'
    # A copy that failed must not come later.
    Write-Result ((Invoke-Guest "test ! -e $path").Status -eq 0) 'Guest Service on: nothing has come of the failed copy'
    $outcome = Send-File $source $path ''
    Write-Note $outcome.Text
    Write-Result $outcome.Success 'Guest Service on: a copy succeeds'
    Write-Result (Test-Sum $path $sum) 'Guest Service on: the file is the same'
    Remove-Item -LiteralPath $source -Force
}

function Test-LargeFile([string] $Folder) {
    $source = Join-Path $Folder 'large.bin'
    $path = '/var/tmp/hv-host.large'
    $sum = New-RandomFile $source ([long]$LargeMB * 1048576)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $outcome = Send-File $source $path 'Force'
    $watch.Stop()
    Write-Note $outcome.Text
    Write-Note ('{0} MB in {1:N1} s' -f $LargeMB, $watch.Elapsed.TotalSeconds)
    Write-Result $outcome.Success "a file of $LargeMB MB: the copy succeeds"
    Write-Result (Test-Sum $path $sum) "a file of $LargeMB MB: its SHA-256 is the same"
    Remove-Item -LiteralPath $source -Force
}

# Undo what the run has changed. A failure here must not hide the reason why the
# run has ended.
function Restore-Machines([string] $Folder, [bool] $WasEnabled) {
    try {
        Remove-Item -LiteralPath $Folder -Recurse -Force -ErrorAction Continue
        $answer = Invoke-Part 'end'
        if ($answer.Status -ne 0) {
            Write-Host "# Something is left of this run in the guest: $(Join-Lines $answer.All)"
        }
        Set-GuestService $WasEnabled
    } catch {
        Write-Host "# Something is left of this run: $(Join-Lines $_.Exception.Message)"
    }
}

# Check that the host and the guest are ready, and run all tests
function Test-All {
    if (-not (Get-Command $Ssh -ErrorAction SilentlyContinue)) {
        Stop-Run "there is no program ${Ssh}: install the OpenSSH client"
    }
    $services = @(Get-GuestService)
    if ($services.Count -eq 0) {
        Stop-Run "VM $VMName is not there, or has no Guest Service Interface"
    } elseif ($services.Count -gt 1) {
        Stop-Run "$($services.Count) VMs have the name ${VMName}: give the guest's VM a name of its own"
    }
    $enabled = $services[0].Enabled
    $answer = Invoke-Part 'rows'
    if ($answer.Status -ne 0) {
        Stop-Run "ssh $Guest cannot run ${GuestScript}: install hyperv-uio-selftests, and let root in with a key: $($answer.All)"
    }
    if ($answer.Output.Trim() -ne $RowsChecksum) {
        Stop-Run "the table of the guest is another one: use the hv-host.ps1 that is beside $GuestScript"
    }

    $work = Join-Path ([System.IO.Path]::GetTempPath()) ('hv-host-' + [guid]::NewGuid().ToString('N'))
    $null = New-Item -ItemType Directory -Path $work
    try {
        Set-GuestService $true
        if (-not (Wait-Guest 'present')) {
            Stop-Run 'the guest has no file copy device, hv-fcopyd is not running, or the host has not negotiated with it: install hyperv-uio-fcopyd, and see systemctl status hv-fcopyd'
        }
        Write-Note (Invoke-Guest 'uname -srm; hv-fcopyd --version').All
        Write-Tap ('1..{0}' -f (2 * $Rows.Count + 8))
        for ($i = 0; $i -lt $Rows.Count; $i++) {
            Test-Row ($i + 1) $Rows[$i] $work
        }
        Test-Service $work
        Test-LargeFile $work
    } finally {
        Restore-Machines $work $enabled
    }
}

try {
    [System.IO.File]::WriteAllText($TapPath, '', $Utf8)
    Write-Tap 'TAP version 13'
    Write-Note "Windows $([System.Environment]::OSVersion.Version), PowerShell $($PSVersionTable.PSVersion)"
    Test-All
    Write-Totals
} catch {
    Stop-Run $_.Exception.Message $_.ScriptStackTrace
}
if ($Count.fail -gt 0) {
    exit 1
}
exit 0
