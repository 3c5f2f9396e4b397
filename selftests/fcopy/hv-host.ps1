# SPDX-License-Identifier: GPL-2.0-only
<#
.SYNOPSIS
    Copies files into a Linux guest as an administrator would, and writes TAP.
.DESCRIPTION
    NOBODY HAS RUN THIS SCRIPT YET. Please report what does not work.

    Run it as administrator on the Hyper-V host. The guest needs
    hyperv-uio-fcopyd. Use a VM that you can throw away: the script writes to
    /var/tmp/hv-host and switches Guest Service Interface off and on. Compare
    the checksums at the end with those in the guest.
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File .\hv-host.ps1 -VMName debian
#>
#Requires -Version 5.1 -RunAsAdministrator -Modules Hyper-V
param([Parameter(Mandatory = $true)] [string] $VMName, [int] $LargeMB = 256)
$ErrorActionPreference = 'Stop'
$Top = '/var/tmp/hv-host'
$Number = 0
$Failed = 0
$Files = @()

function Write-Result([bool] $Passed, [string] $Text) {
    $script:Number++
    if (-not $Passed) { $script:Failed++ }
    Write-Output ('{0}ok {1} {2}' -f $(if ($Passed) { '' } else { 'not ' }), $script:Number, $Text)
}

# Copy a file. An empty $Code expects a success, and a code of Windows expects a
# refusal whose text has it. $Arrives is the file of the guest.
function Test-Copy([string] $Source, [string] $To, [hashtable] $More, [string] $Code, [string] $Arrives) {
    $text = ''
    try {
        Copy-VMFile -Name $VMName -SourcePath $Source -DestinationPath $To -FileSource Host @More
    } catch {
        $text = $_.Exception.Message -replace '\s+', ' '
        Write-Output "# $text"
    }
    $passed = if ($Code) { $text.ToLower().Contains($Code) } else { $text -eq '' }
    Write-Result $passed "$To $($More.Keys) $(if ($Code) { $Code } else { 'arrives' })"
    if ($passed -and $Arrives) {
        $hash = (Get-FileHash $Source -Algorithm SHA256).Hash.ToLower()
        $script:Files = @($script:Files | Where-Object { $_ -notlike "*  $Arrives" }) + "$hash  $Arrives"
    }
}

function New-Source([string] $Path, [long] $Size) {
    $block = New-Object byte[] 1048576
    $random = New-Object System.Random
    $stream = [System.IO.File]::Create($Path)
    for (; $Size -gt 0; $Size -= $block.Length) {
        $random.NextBytes($block)
        $stream.Write($block, 0, [int][Math]::Min($Size, [long]$block.Length))
    }
    $stream.Dispose()
}

# The name of the service is translated, and its id is not.
$Service = (Get-VMIntegrationService $VMName | Where-Object { $_.Id -like '*6C09BB55-D683-4DA0-8931-C9BF705F6480' }).Name
$Small = Join-Path $env:TEMP 'small.bin'
$Large = Join-Path $env:TEMP 'large.bin'
New-Source $Small 10000
New-Source $Large ($LargeMB * 1MB)
Enable-VMIntegrationService $Service $VMName
Start-Sleep 20
Test-Copy $Small "$Top/new/" @{ CreateFullPath = $true; Force = $true } '' "$Top/new/small.bin"
Test-Copy $Small "$Top/new/" @{} '0x80070050'
Test-Copy $Small "$Top/new" @{ Force = $true } '' "$Top/new/small.bin"
Test-Copy $Small "$Top/new/name" @{ Force = $true } '' "$Top/new/name"
Test-Copy $Small "$Top/missing/name" @{} '0x80070003'
Test-Copy $Small "$Top\new" @{} '0x8007007b'
Test-Copy $Large "$Top/new/large" @{ Force = $true } '' "$Top/new/large"
Disable-VMIntegrationService $Service $VMName
Test-Copy $Small "$Top/new/off" @{} '0x'
Enable-VMIntegrationService $Service $VMName
Start-Sleep 20
Test-Copy $Small "$Top/new/on" @{ Force = $true } '' "$Top/new/on"
Remove-Item $Small, $Large
Write-Output "1..$Number" '# Run "sha256sum -c" in the guest with these lines:' $Files
exit $Failed
